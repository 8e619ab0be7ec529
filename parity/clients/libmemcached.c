/* libmemcached's own client. An option is a behavior, or NAMESPACE. */
#define _GNU_SOURCE
#include "lines.h"
#include <libmemcached/memcached.h>

static const struct {
    const char *name;
    memcached_behavior_t behavior;
} BEHAVIORS[] = {
    {"HASH", MEMCACHED_BEHAVIOR_HASH},
    {"DISTRIBUTION", MEMCACHED_BEHAVIOR_DISTRIBUTION},
    {"KETAMA", MEMCACHED_BEHAVIOR_KETAMA},
    {"KETAMA_HASH", MEMCACHED_BEHAVIOR_KETAMA_HASH},
    {"KETAMA_WEIGHTED", MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED},
    {"BINARY_PROTOCOL", MEMCACHED_BEHAVIOR_BINARY_PROTOCOL},
    {"SORT_HOSTS", MEMCACHED_BEHAVIOR_SORT_HOSTS},
};

static void set_option(memcached_st *client, const char *name, const char *value) {
    if (strcmp(name, "NAMESPACE") == 0) {
        if (memcached_callback_set(client, MEMCACHED_CALLBACK_NAMESPACE, value)) exit(3);
        return;
    }
    for (size_t at = 0; at < sizeof BEHAVIORS / sizeof *BEHAVIORS; at++) {
        if (strcmp(name, BEHAVIORS[at].name) == 0) {
            if (memcached_behavior_set(client, BEHAVIORS[at].behavior, strtoull(value, NULL, 10)))
                exit(3);
            return;
        }
    }
    exit(2);
}

int main(void) {
    memcached_st *client = memcached_create(NULL);
    char *it[FIELDS];
    printf("=version\t%s\n", memcached_lib_version());
    while (next_line(it)) {
        if (strcmp(it[0], "option") == 0) {
            set_option(client, it[1], it[2]);
        } else if (strcmp(it[0], "server") == 0) {
            int port = atoi(it[2]), weight = atoi(it[3]);
            memcached_return_t added =
                port ? memcached_server_add_with_weight(client, it[1], port, weight)
                     : memcached_server_add_unix_socket_with_weight(client, it[1], weight);
            if (added) exit(4);
        } else if (strcmp(it[0], "set") == 0) {
            told(memcached_set(client, it[1], strlen(it[1]), it[2], strlen(it[2]), 0, 0) ==
                 MEMCACHED_SUCCESS);
        } else {
            size_t length;
            uint32_t flags;
            memcached_return_t error;
            char *value = memcached_get(client, it[1], strlen(it[1]), &length, &flags, &error);
            found(value, length);
            free(value);
        }
    }
}
