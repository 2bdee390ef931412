/* SPDX-License-Identifier: ISC */
/* route_block.c: messages of the DNS are made here octet by octet. */
#include "../../route/block.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define QUESTION "\1x\2bl\7example\0\0\1\0\1"

static unsigned char packet[4096];
static size_t packet_len;

static void
add(const void *octets, size_t n)
{
	if (packet_len + n > sizeof(packet))
		abort();
	memcpy(packet + packet_len, octets, n);
	packet_len += n;
}

/* Header and question; answers are added behind. */
static void
begin(int rcode)
{
	const unsigned char header[12] = { 0x12, 0x34, 0x81,
		(unsigned char)(0x80 | rcode), 0, 1 };

	packet_len = 0;
	add(header, sizeof(header));
	add(QUESTION, sizeof(QUESTION) - 1);
}

/* len: what the record says of its data, which has size octets. */
static void
record(int type, int class, size_t len, const void *data, size_t size)
{
	const unsigned char head[12] = { 0xC0, 12, 0, (unsigned char)type, 0,
		(unsigned char)class, 0, 0, 0, 60, (unsigned char)(len >> 8),
		(unsigned char)len };

	add(head, sizeof(head));
	add(data, size);
	packet[7]++;
}

static struct span
octets(void)
{
	return (struct span){ (const char *)packet, packet_len };
}

static struct block_list
list(const char *line)
{
	struct block_list l;
	struct fault f;

	if (block_list_parse(span_of(line), &l, &f) != OK)
		abort();
	return l;
}

static void
test_names(void)
{
	char name[BLOCK_NAME_MAX + 1], zone[BLOCK_ZONE_MAX + 2];

	tap_ok(block_name("192.0.2.7", "bl.example", name) &&
	        strcmp(name, "7.2.0.192.bl.example") == 0,
	    "an IPv4 address is turned round");
	tap_ok(block_name("2001:db8::7", "bl.example", name) &&
	        strcmp(name,
	            "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1."
	            "0.0.2.bl.example") == 0,
	    "and an IPv6 address nibble by nibble");
	memset(zone, 'a', sizeof(zone));
	zone[BLOCK_ZONE_MAX] = '\0';
	tap_ok(block_name("::1", zone, name) && strlen(name) == BLOCK_NAME_MAX,
	    "the longest zone makes the longest name");
	zone[BLOCK_ZONE_MAX] = 'a';
	zone[BLOCK_ZONE_MAX + 1] = '\0';
	tap_ok(!block_name("::1", zone, name), "a longer one makes none");
	tap_ok(!block_name("192.0.2", "bl.example", name) &&
	        !block_name("", "bl.example", name) &&
	        !block_name("192.0.2.7%eth0", "bl.example", name),
	    "what is no address has no name");
}

static const struct {
	const char *title, *list;
	const char *answers[3]; /* four octets each */
	enum block_meaning want;
	const char *code;
} meanings[] = {
	{ "no record", "z", { NULL }, MEANS_NOTHING, "" },
	{ "127.0.0.2", "z", { "\177\0\0\2" }, MEANS_LISTED, "127.0.0.2" },
	{ "127.0.0.255", "z", { "\177\0\0\377" }, MEANS_LISTED, "127.0.0.255" },
	{ "127.0.0.1", "z", { "\177\0\0\1" }, MEANS_UNKNOWN, "127.0.0.1" },
	{ "127.0.1.2", "z", { "\177\0\1\2" }, MEANS_UNKNOWN, "127.0.1.2" },
	{ "127.255.255.254", "z", { "\177\377\377\376" }, MEANS_REFUSAL,
	    "127.255.255.254" },
	{ "an address of the Internet", "z", { "\300\0\2\1" }, MEANS_UNKNOWN,
	    "192.0.2.1" },
	{ "a code that is asked for", "z 127.0.0.4/31", { "\177\0\0\5" },
	    MEANS_LISTED, "127.0.0.5" },
	{ "one that is not", "z 127.0.0.4/31", { "\177\0\0\6" }, MEANS_OTHER,
	    "127.0.0.6" },
	{ "one of several that is", "z 127.0.0.4",
	    { "\177\0\0\2", "\177\0\0\4", "\177\0\0\3" }, MEANS_LISTED,
	    "127.0.0.4" },
	{ "a refusal among them", "z",
	    { "\177\0\0\2", "\177\377\377\377", "\177\0\0\3" }, MEANS_REFUSAL,
	    "127.255.255.255" },
	{ "an unknown one among them", "z", { "\177\0\0\2", "\12\0\0\1" },
	    MEANS_UNKNOWN, "10.0.0.1" },
};

static void
test_meanings(void)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		struct block_list l = list(meanings[i].list);
		enum block_meaning got;
		char code[16];

		begin(meanings[i].answers[0] == NULL ? 3 : 0);
		for (size_t k = 0; k < 3 && meanings[i].answers[k]; k++)
			record(1, 1, 4, meanings[i].answers[k], 4);
		got = block_read(octets(), &l, code);
		tap_ok(got == meanings[i].want &&
		        strcmp(code, meanings[i].code) == 0,
		    "%s", meanings[i].title);
	}
}

static void
test_odd_messages(void)
{
	struct block_list l = list("z");
	char code[16];

	begin(2);
	tap_ok(block_read(octets(), &l, code) == MEANS_NO_MESSAGE,
	    "SERVFAIL is no answer");
	begin(0);
	record(1, 3, 4, "\177\0\0\2", 4);
	record(16, 1, 4, "\3abc", 4);
	record(1, 1, 3, "\177\0\0", 3);
	tap_ok(block_read(octets(), &l, code) == MEANS_NOTHING,
	    "other classes and types, and three octets, are no code");
	begin(0);
	record(1, 1, 5, "\177\0\0\2\1", 5);
	tap_ok(block_read(octets(), &l, code) == MEANS_LISTED,
	    "what is behind a code is not looked at");
	begin(0);
	record(1, 1, 400, "\177\0\0\2", 4);
	tap_ok(block_read(octets(), &l, code) != MEANS_LISTED,
	    "data that is not there lists nobody");
}

/* A heap copy of each length: a sanitizer sees an octet too many. */
static void
test_truncations(void)
{
	struct block_list l = list("z");
	char code[16], text[ROUTE_TEXT_MAX + 1];
	bool listed = false;

	begin(0);
	record(1, 1, 4, "\177\0\0\2", 4);
	record(16, 1, 8, "\3abc\3def", 8);
	for (size_t n = 0; n < packet_len; n++) {
		char *copy = malloc(n + 1);

		if (copy == NULL)
			abort();
		memcpy(copy, packet, n);
		listed |= block_read((struct span){ copy, n }, &l, code) ==
		    MEANS_LISTED;
		block_read_text((struct span){ copy, n }, text);
		free(copy);
	}
	tap_ok(!listed, "a message cut anywhere lists nobody");
}

static void
test_text(void)
{
	char text[ROUTE_TEXT_MAX + 1], longest[256];

	begin(0);
	record(16, 1, 8, "\3abc\3d\r\n", 8);
	block_read_text(octets(), text);
	tap_ok(strcmp(text, "abcd??") == 0,
	    "strings are joined and control octets replaced");
	begin(0);
	record(16, 1, 4, "\7abc", 4);
	block_read_text(octets(), text);
	tap_ok(text[0] == '\0', "a string longer than its record is none");
	memset(longest, 'a', sizeof(longest));
	longest[0] = (char)255;
	begin(0);
	record(16, 1, sizeof(longest), longest, sizeof(longest));
	block_read_text(octets(), text);
	tap_ok(strlen(text) == ROUTE_TEXT_MAX, "a long one is cut");
	begin(0);
	record(1, 1, 4, "\177\0\0\2", 4);
	block_read_text(octets(), text);
	tap_ok(text[0] == '\0', "an address is no text");
}

int
main(void)
{
	test_names();
	test_meanings();
	test_odd_messages();
	test_truncations();
	test_text();
	return tap_done();
}
