// SPDX-License-Identifier: Apache-2.0
// The interop scenario in C, with rabbitmq-c. test/interop/README.md tells what it covers.

#include "scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void open_scene(struct scene *s)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(s->suffix, sizeof s->suffix, "%08" PRIx32,
             (uint32_t)now.tv_nsec ^ ((uint32_t)getpid() << 16));
    s->connection = scene_connect(s, DEFAULT_SETTINGS);
    s->publisher = scene_connect(s, DEFAULT_SETTINGS);
    amqp_confirm_select(s->publisher, MAIN);
    ok(s, s->publisher);
}

static bool play(const struct check *check)
{
    static struct scene scene; // static: it outlives the jump
    scene = (struct scene){0};
    alarm(CHECK_LIMIT_S); // every wait has its own limit; this one is for a client that spins
    bool passed = setjmp(scene.failed) == 0;
    if (passed) {
        open_scene(&scene);
        check->play(&scene);
    }
    scene_close(&scene);
    alarm(0);
    if (passed)
        printf("ok - %s\n", check->name);
    else
        printf("not ok - %s: %s\n", check->name, scene.reason);
    fflush(stdout);
    return passed;
}

int main(void)
{
    const struct check *tables[] = {connection_and_exchange_checks, message_and_publisher_checks,
                                    queue_and_consumer_checks};
    int passed = 0, failed = 0;
    if (getenv("AMQP_HOST") == NULL || getenv("AMQP_PORT") == NULL) {
        fprintf(stderr, "scenario: no broker in AMQP_HOST and AMQP_PORT\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        for (const struct check *check = tables[i]; check->name != NULL; check++)
            *(play(check) ? &passed : &failed) += 1;
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
