/* The lines that the clients are told on stdin: fields with tabs between them.
 *
 *   option NAME VALUE        in the order in which they are to be set
 *   server HOST PORT WEIGHT  PORT 0: HOST is the path of a unix socket
 *   set KEY VALUE            answered with "=stored" or "=refused"
 *   get KEY                  answered with "=hit VALUE" or "=miss"
 *
 * The first answer is "=version VERSION". Whatever does not start with "=" is noise. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS 4

/* Reads a line and cuts it into fields; the missing ones are empty. 0 at the end. */
static int next_line(char *fields[FIELDS]) {
    static char *line;
    static size_t room;
    ssize_t length = getline(&line, &room, stdin);
    if (length < 0) return 0;
    line[strcspn(line, "\n")] = 0;
    char *rest = line;
    for (int at = 0; at < FIELDS; at++) {
        char *field = strsep(&rest, "\t");
        fields[at] = field ? field : "";
    }
    return 1;
}

static void told(int stored) { puts(stored ? "=stored" : "=refused"); }

static void found(const char *value, size_t length) {
    if (value) printf("=hit\t%.*s\n", (int)length, value);
    else puts("=miss");
}
