/* An engine program that is not what it should be; AUV_FAKE_ENGINE says how. */
#include "engine/remote/channel.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    const char *how = getenv("AUV_FAKE_ENGINE");
    struct auvi_channel *channel;
    struct auvi_control hello;
    struct auvi_link *link;
    struct pollfd end = {.events = POLLIN};

    if (how && strcmp(how, "loader") == 0)
        return 127; /* as the loader, when a shared library is missing */
    if (auvi_link_open(3, &link) < 0)
        return 2;
    channel = auvi_channel_create(link);
    if (!channel || !how || strcmp(how, "exit") == 0)
        return 3;
    auvi_control_init(
        &hello,
        strcmp(how, "mute") == 0 ? AUVI_CONTROL_READY : AUVI_CONTROL_HELLO, 0);
    auvi_control_add_text(&hello, "9.9.9", 5);
    auvi_channel_send(channel, &hello);
    end.fd = auvi_channel_fd(channel);
    while (auvi_channel_receive(channel, &hello) >= 0)
        poll(&end, 1, -1);
    return 0;
}
