/* apr_memcache, of apr-util. */
#define _GNU_SOURCE
#include "lines.h"
#include <apr_general.h>
#include <apr_memcache.h>
#include <apu_version.h>

int main(void) {
    apr_pool_t *pool, *scratch;
    apr_memcache_t *client;
    apr_initialize();
    apr_pool_create(&pool, NULL);
    apr_pool_create(&scratch, pool);
    apr_memcache_create(pool, 100, 0, &client);
    char *it[FIELDS];
    printf("=version\t%s\n", apu_version_string());
    while (next_line(it)) {
        if (strcmp(it[0], "server") == 0) {
            apr_memcache_server_t *server;
            if (apr_memcache_server_create(pool, it[1], atoi(it[2]), 0, 1, 1, 60, &server) ||
                apr_memcache_add_server(client, server))
                exit(4);
        } else if (strcmp(it[0], "set") == 0) {
            told(apr_memcache_set(client, it[1], it[2], strlen(it[2]), 0, 0) == APR_SUCCESS);
        } else if (strcmp(it[0], "get") == 0) {
            char *value = NULL;
            apr_size_t length = 0;
            if (apr_memcache_getp(client, scratch, it[1], &value, &length, NULL)) value = NULL;
            found(value, length);
            apr_pool_clear(scratch);
        } else {
            exit(2);
        }
    }
}
