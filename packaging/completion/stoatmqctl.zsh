#compdef stoatmqctl
# SPDX-License-Identifier: Apache-2.0
# Written by stoatmqctl generate zsh.
local -a commands
local word command=
commands=(
  'log:verify and dump of a data directory'
  'add_user:make a user, who may do nothing yet; the password is read when it is not given'
  'delete_user:delete a user and close the users connections'
  'change_password:give a user another password, which is read when it is not given'
  'clear_password:let a user not log in with a password any more'
  'authenticate_user:see whether a user may log in with a password'
  'set_user_tags:give a user these tags and no others administrator, monitoring, ...'
  'list_users:users and their tags'
  'set_user_limits:limit what a user has at one time {"max-connections" N, "max-channels" N}'
  'clear_user_limits:take a limit from a user, or with the name all, all of them'
  'list_user_limits:limits of one user or of all'
  'hash_password:print a passwords hash, as definitions and PUT /api/users take it'
  'set_permissions:let a user use what matches these regular expressions in a virtual host'
  'clear_permissions:let a user not use a virtual host any more'
  'list_permissions:who may do what in a virtual host'
  'list_user_permissions:what a user may do, by virtual host'
  'set_topic_permissions:let a user use the routing keys that match, of a topic exchange'
  'clear_topic_permissions:drop a users topic permissions, of one exchange or of all'
  'list_topic_permissions:topic permissions in a virtual host'
  'list_user_topic_permissions:a users topic permissions'
  'add_vhost:make a virtual host'
  'delete_vhost:delete a virtual host with all that is in it'
  'list_vhosts:virtual hosts'
  'set_vhost_tags:give a virtual host these tags and no others'
  'set_vhost_limits:limit a virtual host {"max-connections" N, "max-queues" N}'
  'clear_vhost_limits:take all limits from a virtual host'
  'list_vhost_limits:limits of a virtual host, or of all with --global'
  'trace_on:publish a copy of each message to amq.rabbitmq.trace'
  'trace_off:end that'
  'list_queues:queues'
  'list_unresponsive_queues:queues that are down'
  'delete_queue:delete a queue with its messages'
  'pause_queue:have a queue take messages and deliver none'
  'resume_queue:have a paused queue deliver again'
  'sync_queue:for rabbitmqctls sake no mirror is ever out of step'
  'cancel_sync_queue:for rabbitmqctls sake'
  'purge_queue:remove the messages that wait in a queue'
  'list_exchanges:exchanges'
  'list_delayed:messages that wait in an exchange (x-delay), up to 1000, the first by their time'
  'cancel_delayed:drop one of them'
  'purge_delayed:drop all of them'
  'list_bindings:bindings'
  'list_connections:clients connections'
  'list_channels:clients channels'
  'list_consumers:consumers'
  'close_connection:close the connection of that name'
  'close_all_connections:close all connections to a virtual host, or with --global all'
  'close_all_user_connections:close all connections of a user'
  'set_policy:set a policy DEFINITION, a JSON object, for what is called like PATTERN'
  'clear_policy:delete a policy'
  'list_policies:policies'
  'set_operator_policy:set a policy that limits what others may set'
  'clear_operator_policy:delete an operator policy'
  'list_operator_policies:operator policies'
  'set_parameter:set a parameter to a JSON value'
  'clear_parameter:delete a parameter'
  'list_parameters:parameters of a virtual host'
  'set_global_parameter:set a parameter of the whole broker to a JSON value'
  'clear_global_parameter:delete a global parameter'
  'list_global_parameters:parameters of the whole broker'
  'export_definitions:write users, virtual hosts, queues, ... to a file; - for standard output'
  'import_definitions:make all that such a file says; - or none for standard input'
  'status:version, memory, disk, alarms, listeners, totals'
  'cluster_status:the clusters name and nodes'
  'environment:the settings that hold, but for secrets, as JSON'
  'set_log_level:write lines from debug, info, warning or error on; for all categories, until it ends'
  'set_vm_memory_high_watermark:block publishers above this share of the memory, or so many bytes, until it ends'
  'set_disk_free_limit:block publishers below so many free bytes, or times the memory, until it ends'
  'suspend_listeners:close AMQPs ports no client can connect, who is connected stays'
  'resume_listeners:open them again'
  'log_location:the logs file'
  'log_tail:the last lines of the log, wherever it goes'
  'log_tail_stream:lines of the log as they come'
  'tls_versions:versions of TLS that the broker takes'
  'cipher_suites:ciphers of TLS that the broker takes, by OpenSSLs names'
  'certificates:certificates that the broker shows to clients'
  'memory_breakdown:what memory is used for'
  'server_version:the brokers version'
  'listeners:ports and protocols that the broker listens on'
  'alarms:resource alarms that are on'
  'report:all that helps to help, in one text'
  'set_cluster_name:name the cluster'
  'list_feature_flags:feature flags'
  'enable_feature_flag:enable a feature flag'
  'list_deprecated_features:deprecated features'
  'await_startup:wait until the broker serves, a minute at most or as --timeout says'
  'await_online_nodes:the same, for a cluster of so many nodes, which is 1'
  'wait:wait until the process of that file is there and serves'
  'stop:end the broker on this machine in good order, and wait for it'
  'shutdown:the same'
  'reload:have the broker on this machine read its settings and certificates again (SIGHUP)'
  'rotate_logs:the same, which opens the log file anew'
  'ping:is there an API that answers?'
  'check_running:is the broker up?'
  'is_running:the same'
  'check_local_alarms:no resource alarm on this node'
  'check_alarms:no resource alarm on any node'
  'check_port_connectivity:all ports that the broker listens on can be connected to from here'
  'check_port_listener:the broker listens on that port'
  'check_protocol_listener:the broker listens for that protocol amqp, amqps, http, https, ...'
  'check_virtual_hosts:all virtual hosts can be used'
  'check_certificate_expiration:no certificate of the broker ends soon'
  'check_if_node_is_quorum_critical:no queue would be lost with this node'
  'check_if_node_is_mirror_sync_critical:the same, of mirrored queues'
  'help:what a command takes'
  'version:print the tools version'
  'generate:print the man page (man), or the completion of a shell (bash, zsh, fish)'
)
for word in ${words[2,CURRENT-1]}; do
  [[ $word == [a-z]* ]] && command=$word && break
done
local -a choice
case $command in
  '') _describe command commands; choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help --version) ;;
  log) choice=(verify dump --format) ;;
  add_user) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  delete_user) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  change_password) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  clear_password) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  authenticate_user) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  set_user_tags) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_users) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  set_user_limits) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  clear_user_limits) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_user_limits) choice=( --user-name --global --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  hash_password) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  set_permissions) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  clear_permissions) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_permissions) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_user_permissions) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  set_topic_permissions) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  clear_topic_permissions) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_topic_permissions) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_user_topic_permissions) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  add_vhost) choice=( --description --tags --default-queue-type --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  delete_vhost) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_vhosts) choice=( name tracing description tags default_queue_type cluster_state messages --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  set_vhost_tags) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  set_vhost_limits) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  clear_vhost_limits) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_vhost_limits) choice=( --global --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  trace_on) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  trace_off) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_queues) choice=( name messages messages_ready messages_unacknowledged messages_ram messages_persistent message_bytes message_bytes_ready message_bytes_unacknowledged message_bytes_ram message_bytes_persistent head_message_timestamp consumers consumer_capacity consumer_utilisation durable auto_delete exclusive arguments type policy operator_policy effective_policy_definition state memory disk_reads disk_writes idle_since vhost node leader members online exclusive_consumer_tag single_active_consumer_tag owner_pid pid --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_unresponsive_queues) choice=( name messages messages_ready messages_unacknowledged messages_ram messages_persistent message_bytes message_bytes_ready message_bytes_unacknowledged message_bytes_ram message_bytes_persistent head_message_timestamp consumers consumer_capacity consumer_utilisation durable auto_delete exclusive arguments type policy operator_policy effective_policy_definition state memory disk_reads disk_writes idle_since vhost node leader members online exclusive_consumer_tag single_active_consumer_tag owner_pid pid --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  delete_queue) choice=( --if-empty --if-unused --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  pause_queue) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  resume_queue) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  sync_queue) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  cancel_sync_queue) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  purge_queue) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_exchanges) choice=( name type durable auto_delete internal arguments policy vhost messages_delayed --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_delayed) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  cancel_delayed) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  purge_delayed) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_bindings) choice=( source_name source_kind destination_name destination_kind routing_key arguments vhost --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_connections) choice=( user peer_host peer_port state name pid port host ssl ssl_protocol ssl_key_exchange ssl_cipher ssl_hash peer_cert_subject peer_cert_issuer peer_cert_validity channels protocol auth_mechanism vhost timeout frame_max channel_max client_properties user_provided_name recv_oct recv_cnt send_oct send_cnt send_pend connected_at node --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_channels) choice=( pid user consumer_count messages_unacknowledged name connection number vhost transactional confirm messages_uncommitted acks_uncommitted messages_unconfirmed prefetch_count global_prefetch_count state node --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_consumers) choice=( queue_name channel_pid consumer_tag ack_required prefetch_count active activity_status arguments exclusive --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  close_connection) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  close_all_connections) choice=( --global --per-connection-delay --limit --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  close_all_user_connections) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  set_policy) choice=( --priority --apply-to --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  clear_policy) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_policies) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  set_operator_policy) choice=( --priority --apply-to --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  clear_operator_policy) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_operator_policies) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  set_parameter) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  clear_parameter) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_parameters) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  set_global_parameter) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  clear_global_parameter) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_global_parameters) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  export_definitions) choice=( --only-vhost --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  import_definitions) choice=( --only-vhost --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  status) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  cluster_status) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  environment) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  set_log_level) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  set_vm_memory_high_watermark) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  set_disk_free_limit) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  suspend_listeners) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  resume_listeners) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  log_location) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  log_tail) choice=( --number --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  log_tail_stream) choice=( --duration --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  tls_versions) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  cipher_suites) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  certificates) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  memory_breakdown) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  server_version) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  listeners) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  alarms) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  report) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  set_cluster_name) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_feature_flags) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  enable_feature_flag) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  list_deprecated_features) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  await_startup) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  await_online_nodes) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  wait) choice=( --pid --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  stop) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  shutdown) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  reload) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  rotate_logs) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  ping) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  check_running) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  is_running) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  check_local_alarms) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  check_alarms) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  check_port_connectivity) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  check_port_listener) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  check_protocol_listener) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  check_virtual_hosts) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  check_certificate_expiration) choice=( --within --unit --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  check_if_node_is_quorum_critical) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  check_if_node_is_mirror_sync_critical) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  help) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  version) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
  generate) choice=( --node --uri --user --password --config --ca-file --vhost --format --formatter --timeout --quiet --silent --no-table-headers --longnames --help) ;;
esac
compadd -- $choice
_files
