/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of commands.def as data, with the options and columns that its rows name.
 */
#include "mgmt/ctl/listing.h"

static const struct option no_options[] = {{0}};

/* --- options -------------------------------------------------------------------------------- */

const struct option common_options[] = {
    {"--node", "NAME@HOST", "the broker's machine, and port if not 15672", NULL, 'n'},
    {"--uri", "URI", "the API's address; http://localhost:15672 by default", NULL, 0},
    {"--user", "NAME", "who asks; guest by default", NULL, 'u'},
    {"--password", "TEXT", "that user's password; better in the file that --config names", NULL, 0},
    {"--config", "FILE", "file with lines uri = ..., user = ..., password = ..., ca_file = ...",
     NULL, 'c'},
    {"--ca-file", "FILE", "certificates to trust for https, instead of the system's", NULL, 0},
    {"--vhost", "VHOST", "virtual host; / by default", "/", 'p'},
    {"--format", "FORMAT", "table (the default), json or csv", NULL, 0},
    {"--formatter", "FORMAT", "the same", NULL, 0},
    {"--timeout", "SECONDS", "how long to wait for an answer", NULL, 't'},
    {"--quiet", NULL, "only what was asked for, no headings", NULL, 'q'},
    {"--silent", NULL, "the same, without the names of columns", NULL, 's'},
    {"--no-table-headers", NULL, "without the names of columns", NULL, 0},
    {"--longnames", NULL, "for rabbitmqctl's sake; does nothing", NULL, 'l'},
    {0},
};

static const struct option policy_options[] = {
    {"--priority", "N", "the policy with the highest one counts; 0 by default", "0", 0},
    {"--apply-to", "WHAT", "queues, exchanges or all, the default", "all", 0},
    {0},
};

static const struct option vhost_options[] = {
    {"--description", "TEXT", "what it is for", NULL, 0},
    {"--tags", "TAG,TAG...", "its tags", NULL, 0},
    {"--default-queue-type", "TYPE", "type of queues that ask for none", NULL, 0},
    {0},
};

static const struct option user_limit_options[] = {
    {"--user-name", "USER", "whose; guest by default", "guest", 0},
    {"--global", NULL, "of all users", NULL, 0},
    {0},
};

static const struct option vhost_limit_options[] = {
    {"--global", NULL, "of all virtual hosts", NULL, 0},
    {0},
};

static const struct option delete_queue_options[] = {
    {"--if-empty", NULL, "only when it has no messages", NULL, 'e'},
    {"--if-unused", NULL, "only when it has no consumers", NULL, 'U'},
    {0},
};

static const struct option close_options[] = {
    {"--global", NULL, "those of all virtual hosts", NULL, 0},
    {"--per-connection-delay", "MILLISECONDS", "time between two", "0", 0},
    {"--limit", "N", "at most so many; 0, the default, for all", "0", 0},
    {0},
};

static const struct option definition_options[] = {
    {"--only-vhost", NULL, "only what belongs to the virtual host of --vhost", NULL, 0},
    {0},
};

static const struct option certificate_options[] = {
    {"--within", "N", "how soon; 4 by default", "4", 0},
    {"--unit", "UNIT", "days, weeks (the default), months or years", "weeks", 0},
    {0},
};

static const struct option log_tail_options[] = {
    {"--number", "N", "so many lines; 50 by default", "50", 'N'},
    {0},
};

static const struct option log_stream_options[] = {
    {"--duration", "SECONDS", "for so long; infinity, the default, until it is interrupted",
     "infinity", 'd'},
    {0},
};

static const struct option wait_options[] = {
    {"--pid", "N", "the process's number, instead of a file with it", NULL, 'P'},
    {0},
};

/* --- columns -------------------------------------------------------------------------------- */

#define SAME(name) \
    {              \
        name, name \
    }

static const struct column user_columns[] = {{"user", "name"}, SAME("tags"), {0}};
static const struct column permission_columns[] = {
    SAME("user"), SAME("configure"), SAME("write"), SAME("read"), {0}};
static const struct column user_permission_columns[] = {
    SAME("vhost"), SAME("configure"), SAME("write"), SAME("read"), {0}};
static const struct column topic_permission_columns[] = {
    SAME("user"), SAME("exchange"), SAME("write"), SAME("read"), {0}};
static const struct column user_topic_permission_columns[] = {
    SAME("vhost"), SAME("exchange"), SAME("write"), SAME("read"), {0}};
static const struct column vhost_columns[] = {SAME("name"),
                                              SAME("tracing"),
                                              SAME("description"),
                                              SAME("tags"),
                                              SAME("default_queue_type"),
                                              SAME("cluster_state"),
                                              SAME("messages"),
                                              {0}};
static const struct column queue_columns[] = {SAME("name"),
                                              SAME("messages"),
                                              SAME("messages_ready"),
                                              SAME("messages_unacknowledged"),
                                              SAME("messages_ram"),
                                              SAME("messages_persistent"),
                                              SAME("message_bytes"),
                                              SAME("message_bytes_ready"),
                                              SAME("message_bytes_unacknowledged"),
                                              SAME("message_bytes_ram"),
                                              SAME("message_bytes_persistent"),
                                              SAME("head_message_timestamp"),
                                              SAME("consumers"),
                                              SAME("consumer_capacity"),
                                              SAME("consumer_utilisation"),
                                              SAME("durable"),
                                              SAME("auto_delete"),
                                              SAME("exclusive"),
                                              SAME("arguments"),
                                              SAME("type"),
                                              SAME("policy"),
                                              SAME("operator_policy"),
                                              SAME("effective_policy_definition"),
                                              SAME("state"),
                                              SAME("memory"),
                                              SAME("disk_reads"),
                                              SAME("disk_writes"),
                                              SAME("idle_since"),
                                              SAME("vhost"),
                                              SAME("node"),
                                              SAME("leader"),
                                              SAME("members"),
                                              SAME("online"),
                                              SAME("exclusive_consumer_tag"),
                                              SAME("single_active_consumer_tag"),
                                              {"owner_pid", "owner_pid_details.name"},
                                              {"pid", "node"},
                                              {0}};
static const struct column exchange_columns[] = {
    SAME("name"),      SAME("type"),   SAME("durable"), SAME("auto_delete"),      SAME("internal"),
    SAME("arguments"), SAME("policy"), SAME("vhost"),   SAME("messages_delayed"), {0}};
static const struct column delayed_columns[] = {
    SAME("id"), SAME("due"), SAME("routing_key"), SAME("payload_bytes"), {0}};
static const struct column binding_columns[] = {{"source_name", "source"},
                                                {"source_kind", "=exchange"},
                                                {"destination_name", "destination"},
                                                {"destination_kind", "destination_type"},
                                                SAME("routing_key"),
                                                SAME("arguments"),
                                                SAME("vhost"),
                                                {0}};
static const struct column connection_columns[] = {SAME("user"),
                                                   SAME("peer_host"),
                                                   SAME("peer_port"),
                                                   SAME("state"),
                                                   SAME("name"),
                                                   {"pid", "name"},
                                                   SAME("port"),
                                                   SAME("host"),
                                                   SAME("ssl"),
                                                   SAME("ssl_protocol"),
                                                   SAME("ssl_key_exchange"),
                                                   SAME("ssl_cipher"),
                                                   SAME("ssl_hash"),
                                                   SAME("peer_cert_subject"),
                                                   SAME("peer_cert_issuer"),
                                                   SAME("peer_cert_validity"),
                                                   SAME("channels"),
                                                   SAME("protocol"),
                                                   SAME("auth_mechanism"),
                                                   SAME("vhost"),
                                                   SAME("timeout"),
                                                   SAME("frame_max"),
                                                   SAME("channel_max"),
                                                   SAME("client_properties"),
                                                   SAME("user_provided_name"),
                                                   SAME("recv_oct"),
                                                   SAME("recv_cnt"),
                                                   SAME("send_oct"),
                                                   SAME("send_cnt"),
                                                   SAME("send_pend"),
                                                   SAME("connected_at"),
                                                   SAME("node"),
                                                   {0}};
static const struct column channel_columns[] = {{"pid", "name"},
                                                SAME("user"),
                                                SAME("consumer_count"),
                                                SAME("messages_unacknowledged"),
                                                SAME("name"),
                                                {"connection", "connection_details.name"},
                                                SAME("number"),
                                                SAME("vhost"),
                                                SAME("transactional"),
                                                SAME("confirm"),
                                                SAME("messages_uncommitted"),
                                                SAME("acks_uncommitted"),
                                                SAME("messages_unconfirmed"),
                                                SAME("prefetch_count"),
                                                SAME("global_prefetch_count"),
                                                SAME("state"),
                                                SAME("node"),
                                                {0}};
static const struct column consumer_columns[] = {{"queue_name", "queue.name"},
                                                 {"channel_pid", "channel_details.name"},
                                                 SAME("consumer_tag"),
                                                 SAME("ack_required"),
                                                 SAME("prefetch_count"),
                                                 SAME("active"),
                                                 SAME("activity_status"),
                                                 SAME("arguments"),
                                                 SAME("exclusive"),
                                                 {0}};
static const struct column policy_columns[] = {
    SAME("vhost"),    SAME("name"), SAME("pattern"), SAME("apply-to"), SAME("definition"),
    SAME("priority"), {0}};
static const struct column parameter_columns[] = {
    SAME("component"), SAME("name"), {"value", "!value"}, {0}};
static const struct column global_parameter_columns[] = {SAME("name"), {"value", "!value"}, {0}};
static const struct column flag_columns[] = {SAME("name"), SAME("state"), {0}};
static const struct column deprecated_columns[] = {
    SAME("name"), {"deprecation_phase", "deprecation_phase"}, {0}};

/* --- the rows ------------------------------------------------------------------------------- */

#define GROUP(title) {.group = (title)},
#define COMMAND(name_, operands_, options_, saying_, run_, summary_) \
    {.name = (name_),                                                \
     .operands = (operands_),                                        \
     .options = (options_),                                          \
     .saying = (saying_),                                            \
     .run = (run_),                                                  \
     .summary = (summary_)},
#define LIST(name_, operands_, saying_, options_, summary_, ...) \
    {.name = (name_),                                            \
     .operands = (operands_),                                    \
     .options = (options_),                                      \
     .saying = (saying_),                                        \
     .run = run_listing,                                         \
     .summary = (summary_),                                      \
     .listing = &(const struct listing){__VA_ARGS__}},
#define REQUEST(name_, operands_, options_, saying_, summary_, ...) \
    {.name = (name_),                                               \
     .operands = (operands_),                                       \
     .options = (options_),                                         \
     .saying = (saying_),                                           \
     .run = run_request,                                            \
     .summary = (summary_),                                         \
     .request = &(const struct request){__VA_ARGS__}},
#define LOCAL(command_, name_, operands_, summary_) \
    {.name = (name_), .operands = (operands_), .summary = (summary_), .local = &(command_)},

const struct command commands[] = {
#include "mgmt/ctl/commands.def"
};

const size_t command_count = sizeof commands / sizeof *commands;
