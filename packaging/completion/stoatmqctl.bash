# SPDX-License-Identifier: Apache-2.0
# Written by stoatmqctl generate bash.
_stoatmqctl() {
  local word command= words
  local current=${COMP_WORDS[COMP_CWORD]}
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == [a-z]* ]] && command=$word && break
  done
  case $command in
    '') words='log add_user delete_user change_password clear_password authenticate_user set_user_tags list_users set_user_limits clear_user_limits list_user_limits hash_password set_permissions clear_permissions list_permissions list_user_permissions set_topic_permissions clear_topic_permissions list_topic_permissions list_user_topic_permissions add_vhost delete_vhost list_vhosts set_vhost_tags set_vhost_limits clear_vhost_limits list_vhost_limits trace_on trace_off list_queues list_unresponsive_queues delete_queue purge_queue list_exchanges list_bindings list_connections list_channels list_consumers close_connection close_all_connections close_all_user_connections set_policy clear_policy list_policies set_operator_policy clear_operator_policy list_operator_policies set_parameter clear_parameter list_parameters set_global_parameter clear_global_parameter list_global_parameters export_definitions import_definitions status cluster_status environment memory_breakdown server_version listeners alarms report set_cluster_name list_feature_flags enable_feature_flag list_deprecated_features await_startup stop shutdown reload rotate_logs ping check_running is_running check_local_alarms check_alarms check_port_connectivity check_port_listener check_protocol_listener check_virtual_hosts check_certificate_expiration check_if_node_is_quorum_critical help version generate --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help --version' ;;
    log) words='verify dump --format' ;;
    add_user) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    delete_user) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    change_password) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    clear_password) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    authenticate_user) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    set_user_tags) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_users) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    set_user_limits) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    clear_user_limits) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_user_limits) words=' --user-name --global --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    hash_password) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    set_permissions) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    clear_permissions) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_permissions) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_user_permissions) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    set_topic_permissions) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    clear_topic_permissions) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_topic_permissions) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_user_topic_permissions) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    add_vhost) words=' --description --tags --default-queue-type --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    delete_vhost) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_vhosts) words=' name tracing description tags default_queue_type cluster_state messages --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    set_vhost_tags) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    set_vhost_limits) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    clear_vhost_limits) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_vhost_limits) words=' --global --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    trace_on) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    trace_off) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_queues) words=' name messages messages_ready messages_unacknowledged messages_ram messages_persistent message_bytes message_bytes_ready message_bytes_unacknowledged message_bytes_ram message_bytes_persistent head_message_timestamp consumers consumer_capacity consumer_utilisation durable auto_delete exclusive arguments type policy operator_policy effective_policy_definition state memory disk_reads disk_writes idle_since vhost node leader members online exclusive_consumer_tag single_active_consumer_tag owner_pid pid --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_unresponsive_queues) words=' name messages messages_ready messages_unacknowledged messages_ram messages_persistent message_bytes message_bytes_ready message_bytes_unacknowledged message_bytes_ram message_bytes_persistent head_message_timestamp consumers consumer_capacity consumer_utilisation durable auto_delete exclusive arguments type policy operator_policy effective_policy_definition state memory disk_reads disk_writes idle_since vhost node leader members online exclusive_consumer_tag single_active_consumer_tag owner_pid pid --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    delete_queue) words=' --if-empty --if-unused --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    purge_queue) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_exchanges) words=' name type durable auto_delete internal arguments policy vhost --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_bindings) words=' source_name source_kind destination_name destination_kind routing_key arguments vhost --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_connections) words=' user peer_host peer_port state name pid port host ssl ssl_protocol ssl_key_exchange ssl_cipher ssl_hash peer_cert_subject peer_cert_issuer peer_cert_validity channels protocol auth_mechanism vhost timeout frame_max channel_max client_properties user_provided_name recv_oct recv_cnt send_oct send_cnt send_pend connected_at node --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_channels) words=' pid user consumer_count messages_unacknowledged name connection number vhost transactional confirm messages_uncommitted acks_uncommitted messages_unconfirmed prefetch_count global_prefetch_count state node --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_consumers) words=' queue_name channel_pid consumer_tag ack_required prefetch_count active activity_status arguments exclusive --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    close_connection) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    close_all_connections) words=' --global --per-connection-delay --limit --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    close_all_user_connections) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    set_policy) words=' --priority --apply-to --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    clear_policy) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_policies) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    set_operator_policy) words=' --priority --apply-to --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    clear_operator_policy) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_operator_policies) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    set_parameter) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    clear_parameter) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_parameters) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    set_global_parameter) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    clear_global_parameter) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_global_parameters) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    export_definitions) words=' --only-vhost --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    import_definitions) words=' --only-vhost --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    status) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    cluster_status) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    environment) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    memory_breakdown) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    server_version) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    listeners) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    alarms) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    report) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    set_cluster_name) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_feature_flags) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    enable_feature_flag) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    list_deprecated_features) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    await_startup) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    stop) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    shutdown) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    reload) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    rotate_logs) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    ping) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    check_running) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    is_running) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    check_local_alarms) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    check_alarms) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    check_port_connectivity) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    check_port_listener) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    check_protocol_listener) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    check_virtual_hosts) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    check_certificate_expiration) words=' --within --unit --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    check_if_node_is_quorum_critical) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    help) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    version) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    generate) words=' --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help' ;;
    *) words= ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _stoatmqctl stoatmqctl
