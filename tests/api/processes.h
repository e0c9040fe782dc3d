/* processes.h - the processes below one, as /proc tells. */
#ifndef API_PROCESSES_H
#define API_PROCESSES_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

struct process {
    pid_t pid, parent;
    char name[20]; /* at most 15 characters of it */
    char state;    /* Z: ended, not yet collected */
};

static inline bool read_process(pid_t pid, struct process *out)
{
    char path[40], line[512], *open, *close;
    FILE *file;
    bool got;
    int parent;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (!file)
        return false;
    got = fgets(line, sizeof(line), file) != NULL;
    fclose(file);
    open = got ? strchr(line, '(') : NULL;
    close = got ? strrchr(line, ')') : NULL;
    if (!open || !close ||
        sscanf(close + 1, " %c %d", &out->state, &parent) != 2)
        return false;
    out->pid = pid;
    out->parent = (pid_t)parent;
    *close = '\0';
    snprintf(out->name, sizeof(out->name), "%.19s", open + 1);
    return true;
}

/* Every process below `root`, which is not among them. */
static inline size_t list_below(pid_t root, struct process *out, size_t space)
{
    static struct process all[4096];
    size_t count = 0, found = 0, before;
    struct dirent *entry;
    DIR *folder = opendir("/proc");

    while (folder && count < 4096 && (entry = readdir(folder)))
        if (atoi(entry->d_name) > 0 &&
            read_process(atoi(entry->d_name), &all[count]))
            count++;
    if (folder)
        closedir(folder);
    do {
        before = found;
        for (size_t i = 0; i < count; i++) {
            bool below = all[i].parent == root;

            for (size_t n = 0; n < found && !below; n++)
                below = all[i].parent == out[n].pid;
            if (below && found < space) {
                out[found++] = all[i];
                all[i].parent = 0;
            }
        }
    } while (found > before);
    return found;
}

/* Pid of the first process below us whose name begins so, 0: none. */
static inline pid_t find_below(pid_t root, const char *name)
{
    struct process list[64];
    size_t count = list_below(root, list, 64);

    for (size_t i = 0; i < count; i++)
        if (list[i].state != 'Z' &&
            strncmp(list[i].name, name, strlen(name)) == 0)
            return list[i].pid;
    return 0;
}

static inline bool is_running(pid_t pid)
{
    struct process process;

    return read_process(pid, &process) && process.state != 'Z';
}

#endif /* API_PROCESSES_H */
