/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes a whole connection: the server's own worker, connection and engine, with a socket pair for
 * a network. The first octet seeds how what follows is cut into pieces, the second chooses: bit 0,
 * the client reads only at the end; bit 1, it agrees on the smallest frames; bit 2, the handshake
 * is in the input. What the server says must be whole frames of legal methods with all their
 * content; when the client goes, so must all that is its own. A new engine for each input.
 */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amqp/frame.h"
#include "amqp/properties.h"
#include "server/base/log.h"
#include "server/connection.h"
#include "server/local.h"
#include "server/worker.h"
#include "test/fuzz/fuzz.h"

enum { READS_AT_END = 1, SMALL_FRAMES = 2, NO_HANDSHAKE = 4, CHANNELS = 2048, TURNS_MAX = 1000 };

struct server {
    struct worker worker; /* first: the loop's hooks get it */
    struct local local;
    struct engine *engine;
    struct store_ram store;
    struct env env;
    struct settings settings;
    uint64_t random;
    int client; /* the client's end of the connection */
    bool client_reads;
    struct buf said; /* what the server said, as far as it is no whole frame */
    uint32_t frame_max;
    enum line_expects expects[CHANNELS]; /* of the next frame on each channel */
    uint64_t body_left[CHANNELS];
    bool closed; /* the server said connection.close or close-ok, or another protocol header */
};

/* --- the world ------------------------------------------------------------------------------- */

static uint64_t no_clock(void *context)
{
    (void)context;
    return 0;
}

static void fill_random(void *context, void *to, size_t size)
{
    struct server *server = context;
    for (size_t i = 0; i < size; i++) {
        server->random = server->random * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)to)[i] = (uint8_t)(server->random >> 56);
    }
}

static void on_end_tick(void *context)
{
    worker_end_tick(context);
}

static void start(struct server *server)
{
    static const struct loop_hooks hooks = {.end_tick = on_end_tick};
    int ends[2];
    settings_init(&server->settings);
    server->settings.output_buffer_limit = 4096;
    server->env = (struct env){server, no_clock, no_clock, fill_random};
    store_ram_init(&server->store);
    server->engine = engine_new(&(struct engine_config){.env = &server->env,
                                                        .store = &server->store.store,
                                                        .default_vhost = SLICE_LITERAL("/"),
                                                        .default_user = SLICE_LITERAL("guest"),
                                                        .default_pass = SLICE_LITERAL("guest"),
                                                        .consumer_max_per_channel = 8,
                                                        .route_cache_entries = 128});
    size_t buffer_bytes = (size_t)server->settings.read_buffer + server->settings.frame_max +
                          FRAME_OVERHEAD;
    CHECK(loop_init(&server->worker.loop, 0, buffer_bytes, &hooks, server) == 0);
    worker_init(&server->worker, &server->settings);
    local_init(&server->local, server->engine);
    server->worker.port = &server->local.port;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    server->client = ends[0];
    static const struct transport_options plain = {.protocol = "amqp"};
    worker_adopt(&server->worker, ends[1], &plain);
}

static void turn(struct server *server)
{
    uv_run(&server->worker.loop.uv, UV_RUN_NOWAIT);
}

static void stop(struct server *server)
{
    close(server->client);
    unsigned turns = 0;
    for (; server->worker.connection_count > 0; turns++) {
        CHECK_ID(turns < TURNS_MAX, turns); /* it does not notice that the client is gone */
        turn(server);
    }
    loop_fini(&server->worker.loop);
    worker_fini(&server->worker);
    engine_free(server->engine);
    buf_fini(&server->said);
}

/* --- what the server says -------------------------------------------------------------------- */

static void check_method(struct server *server, const struct frame *frame)
{
    struct method method;
    int status = method_decode(frame->payload, &method);
    /* A text may quote a name that is no UTF-8: basic.publish's are not checked. */
    CHECK_ID(status == METHOD_OK || status == METHOD_BAD_UTF8, method.id);
    const struct method_info *info = &method_infos[method.id];
    CHECK_ID(info->sender != METHOD_SENDER_CLIENT, method.id);
    CHECK_ID(server->expects[frame->channel] == EXPECT_METHOD, method.id);
    CHECK_ID(!server->closed || method.id == METHOD_CONNECTION_CLOSE_OK, method.id);
    if (info->has_content)
        server->expects[frame->channel] = EXPECT_HEADER;
    if (method.id == METHOD_CONNECTION_CLOSE || method.id == METHOD_CONNECTION_CLOSE_OK)
        server->closed = true;
}

static void check_header(struct server *server, const struct frame *frame)
{
    struct content_header header;
    struct properties properties;
    CHECK(server->expects[frame->channel] == EXPECT_HEADER);
    CHECK(content_header_read(frame->payload, &header));
    CHECK(properties_decode(header.properties, &properties) == METHOD_OK);
    server->body_left[frame->channel] = header.body_bytes;
    server->expects[frame->channel] = header.body_bytes > 0 ? EXPECT_BODY : EXPECT_METHOD;
}

static void check_frame(struct server *server, const struct frame *frame)
{
    CHECK_ID(frame->channel < CHANNELS, frame->channel);
    switch (frame->type) {
    case FRAME_METHOD:
        check_method(server, frame);
        break;
    case FRAME_HEADER:
        check_header(server, frame);
        break;
    case FRAME_BODY:
        CHECK(server->expects[frame->channel] == EXPECT_BODY);
        CHECK(frame->payload.size > 0 && frame->payload.size <= server->body_left[frame->channel]);
        server->body_left[frame->channel] -= frame->payload.size;
        if (server->body_left[frame->channel] == 0)
            server->expects[frame->channel] = EXPECT_METHOD;
        break;
    default:
        CHECK_ID(frame->type == FRAME_HEARTBEAT, frame->type);
        break;
    }
}

/* Looks at the whole frames among what the server has said. */
static void check_said(struct server *server)
{
    size_t at = 0;
    if (server->said.size >= FRAME_PROTOCOL_HEADER_BYTES &&
        memcmp(server->said.data, FRAME_PROTOCOL_HEADER, FRAME_PROTOCOL_HEADER_BYTES) == 0) {
        server->closed = true;
        at = FRAME_PROTOCOL_HEADER_BYTES;
    }
    for (struct frame frame;;) {
        struct slice rest = slice_of(server->said.data + at, server->said.size - at);
        enum frame_result result = frame_read(rest, server->frame_max - FRAME_OVERHEAD, &frame);
        if (result == FRAME_INCOMPLETE)
            break;
        CHECK_ID(result == FRAME_OK, result);
        check_frame(server, &frame);
        at += frame.payload.size + FRAME_OVERHEAD;
    }
    server->said.size -= at;
    if (at > 0 && server->said.size > 0)
        memmove(server->said.data, server->said.data + at, server->said.size);
}

/* Reads what the server has said so far. */
static void listen_to(struct server *server)
{
    for (;;) {
        uint8_t *room = buf_reserve(&server->said, 65536);
        ssize_t bytes = read(server->client, room, 65536);
        if (bytes <= 0)
            break;
        server->said.size += (size_t)bytes;
        check_said(server);
    }
}

/* --- what the client says -------------------------------------------------------------------- */

/* Sends BYTES; false when the server takes no more. */
static bool say(struct server *server, struct slice bytes)
{
    for (unsigned turns = 0; bytes.size > 0; turns++) {
        ssize_t sent = send(server->client, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return false;
        if (sent > 0)
            bytes = slice_of(bytes.data + sent, bytes.size - (size_t)sent);
        turn(server);
        /* A server whose output nobody reads stops reading: a client that waits must read. */
        if (server->client_reads || turns > 2)
            listen_to(server);
        if (turns > TURNS_MAX)
            return false;
    }
    return true;
}

static void say_method(struct server *server, const struct method *method)
{
    struct buf frame = {0};
    method_encode_frame(0, method, &frame);
    (void)say(server, buf_slice(&frame));
    buf_fini(&frame);
}

static void shake_hands(struct server *server, uint32_t frame_max)
{
    static const char properties[] = "\x0c"
                                     "capabilitiesF\0\0\0\x19\x16"
                                     "consumer_cancel_notifyt\1";
    (void)say(server, slice_of(FRAME_PROTOCOL_HEADER, FRAME_PROTOCOL_HEADER_BYTES));
    say_method(server, &(struct method){
                           .id = METHOD_CONNECTION_START_OK,
                           .connection_start_ok = {
                               .client_properties = slice_of(properties, sizeof properties - 1),
                               .mechanism = SLICE_LITERAL("PLAIN"),
                               .response = SLICE_LITERAL("\0guest\0guest"),
                               .locale = SLICE_LITERAL("en_US"),
                           }});
    say_method(server, &(struct method){
                           .id = METHOD_CONNECTION_TUNE_OK,
                           .connection_tune_ok = {.channel_max = 2047, .frame_max = frame_max}});
    say_method(server, &(struct method){.id = METHOD_CONNECTION_OPEN,
                                        .connection_open = {.virtual_host = SLICE_LITERAL("/")}});
    CHECK(!server->closed && server->engine->counters.sessions_opened == 1);
}

static void say_in_pieces(struct server *server, struct slice stream, uint32_t random)
{
    bool whole = random == 0;
    while (stream.size > 0) {
        random = random * 1664525 + 1013904223;
        size_t piece = 1 + (random >> 24) * (random >> 24) / 64;
        if (whole || piece > stream.size)
            piece = stream.size;
        if (!say(server, slice_of(stream.data, piece)))
            return;
        stream = slice_of(stream.data + piece, stream.size - piece);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct server server;
    if (size < 2)
        return 0;
    uint8_t seed = data[0], flags = data[1];
    log_set_level(LOG_ERROR);
    signal(SIGPIPE, SIG_IGN);
    server = (struct server){.frame_max = 131072, .client_reads = true};
    start(&server);
    if (!(flags & NO_HANDSHAKE)) {
        uint32_t frame_max = flags & SMALL_FRAMES ? FRAME_MIN_MAX : 131072;
        shake_hands(&server, frame_max);
        server.frame_max = frame_max;
    }
    server.client_reads = !(flags & READS_AT_END);
    say_in_pieces(&server, slice_of(data + 2, size - 2), seed);
    for (unsigned i = 0; i < 4; i++) { /* what is under way gets there */
        turn(&server);
        listen_to(&server);
    }
    stop(&server);
    return 0;
}
