/* SPDX-License-Identifier: Apache-2.0 */
#include "amqp/table.h"
#include "exchange/accounts.h"
#include "exchange/engine.h"
#include "exchange/login.h"
#include "exchange/parameter.h"
#include "exchange/priority.h"
#include "exchange/vhost.h"
#include "server/base/mem.h"

struct engine *engine_new(const struct engine_config *config)
{
    struct engine *engine = mem_zalloc(sizeof *engine);
    engine->env = config->env;
    engine->store = config->store;
    engine->connection_max = config->connection_max;
    engine->consumer_max_per_channel = config->consumer_max_per_channel;
    engine->route_cache_entries = config->route_cache_entries;
    engine->memory_watermark = config->memory_watermark;
    engine->default_vhost = slice_dup(config->default_vhost);
    engine->node_name = slice_dup(config->node_name);
    engine->without_audit = config->without_audit;
    engine->with_log_exchange = config->with_log_exchange;
    engine->is_loopback_only = config->is_loopback_only;
    engine->context = config->context;
    list_init(&engine->backlogs);
    list_init(&engine->fetching);
    list_init(&engine->unreadable);
    list_init(&engine->delays.leaving);
    engine->access_generation = 1; /* sessions begin with 0 */
    list_init(&engine->sessions);
    list_init(&engine->global_parameters);
    list_init(&engine->pending);
    list_init(&engine->confirming);
    list_init(&engine->durable_waits);
    list_init(&engine->holding);
    list_init(&engine->released);
    list_init(&engine->login_sources.by_age);
    engine->maxima = config->maxima;
    consumer_timeout_init(engine, config->consumer_timeout_ms);

    struct vhost *vhost = vhost_new(engine, config->default_vhost);
    vhost_set_metadata(
        vhost, &(struct vhost_metadata){.description = SLICE_LITERAL("Default virtual host")});
    map_add(&engine->vhosts, vhost->name, vhost);
    uint8_t salt[USER_SALT_BYTES];
    engine->env->random(engine->env->context, salt, sizeof salt);
    struct user *user = user_new(config->default_user);
    user_set_password(user, config->default_pass, salt);
    struct buf tags = {0};
    table_put_item(&tags, &(struct table_value){.type = TABLE_LONGSTR,
                                                .bytes = SLICE_LITERAL("administrator")});
    user_set_tags(user, buf_slice(&tags));
    buf_fini(&tags);
    map_add(&engine->users, user->name, user);
    access_allow_all(user, vhost);
    return engine;
}

void engine_free(struct engine *engine)
{
    CHECK(list_is_empty(&engine->sessions));
    struct store_ram nowhere; /* that we end deletes nothing: the store must not hear of it */
    store_ram_init(&nowhere);
    engine->store = &nowhere.store;
    engine->observer = NULL;
    engine->tells_events = false;
    paging_fini(engine);
    notices_fini(engine);
    dead_letter_fini(engine);
    uint32_t position = 0;
    for (struct vhost *vhost; (vhost = map_next(&engine->vhosts, &position)) != NULL;)
        vhost_free(vhost);
    position = 0;
    for (struct user *user; (user = map_next(&engine->users, &position)) != NULL;)
        user_unref(user);
    map_fini(&engine->vhosts);
    map_fini(&engine->users);
    login_forget_sources(engine);
    parameters_fini(engine);
    map_fini(&engine->reply_consumers);
    deque_pool_fini(&engine->blocks);
    consumer_timeout_fini(engine);
    timers_fini(&engine->timers);
    registry_fini(engine);
    mem_free((void *)engine->default_vhost.data);
    mem_free((void *)engine->node_name.data);
    mem_free(engine);
}

void engine_set_limits(struct engine *engine, uint32_t connection_max,
                       uint32_t consumer_max_per_channel, uint64_t memory_watermark)
{
    engine->connection_max = connection_max;
    engine->consumer_max_per_channel = consumer_max_per_channel;
    engine->memory_watermark = memory_watermark;
}

/* Says from where on nothing in DEQUE, of which NEXT is the next position, was ever delivered. */
static void stop_deque(struct engine *engine, struct queue *queue, const struct deque *deque,
                       uint64_t next, uint64_t recovered_below)
{
    uint64_t first = deque_first(deque, next);
    (void)engine_append(engine, &(struct store_record){
                                    .kind = STORE_STOP,
                                    .queue = queue,
                                    .position = first > recovered_below ? first : recovered_below});
}

static void stop_queue(struct engine *engine, struct queue *queue)
{
    if (!queue->durable || queue->next_position == 1)
        return;
    if (queue->priority == NULL) {
        stop_deque(engine, queue, &queue->ready, queue->next_position, queue->recovered_below);
        return;
    }
    for (uint32_t i = 0; i < queue->priority->level_count; i++) {
        const struct priority_level *level = queue->priority->levels[i];
        if (level != NULL)
            stop_deque(engine, queue, priority_deque_of(queue, i), level->next_position,
                       level->recovered_below);
    }
}

void engine_stop(struct engine *engine)
{
    uint32_t position = 0;
    for (struct vhost *vhost; (vhost = map_next(&engine->vhosts, &position)) != NULL;) {
        uint32_t at = 0;
        for (struct queue *queue; (queue = map_next(&vhost->queues, &at)) != NULL;)
            stop_queue(engine, queue);
    }
}
