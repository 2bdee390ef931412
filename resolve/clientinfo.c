/* SPDX-License-Identifier: ISC */
/*
 * clientinfo.c: what a person types into a mail program, from the listeners of
 * the configuration; and the same for Thunderbird, which asks for
 * config-v1.1.xml.
 */
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "record.h"
#include "verbs.h"

/* One listener. */
struct door {
	const char
	    *protocol; /* "pop3" or "smtp", as in the file for Thunderbird */
	const char *security; /* "SSL", "STARTTLS" or "plain" */
	char port[8];
	bool is_local; /* it listens for this machine only */
	bool is_submission;
};

static const char *
security_of(bool begins_tls, uint64_t tls)
{
	bool has_certificate = prog.settings.tls.certificate.n > 0;

	return begins_tls                      ? "SSL"
	    : tls != TLS_NO && has_certificate ? "STARTTLS"
	                                       : "plain";
}

/* `ADDRESS:PORT [tls] [submission]`; its form was checked by who serves it. */
static struct door
read_door(const char *text, bool is_smtp)
{
	struct door door = { .protocol = is_smtp ? "smtp" : "pop3" };
	struct span rest = span_of(text), address = SPAN_EMPTY, word;
	bool begins_tls = false;
	const char *colon;

	(void)span_next(&rest, ' ', &address);
	while (span_next(&rest, ' ', &word)) {
		begins_tls = begins_tls || span_eq(word, "tls");
		door.is_submission =
		    door.is_submission || span_eq(word, "submission");
	}
	colon = memrchr(address.p, ':', address.len);
	if (colon != NULL)
		(void)span_copy(
		    span_from(address, (size_t)(colon - address.p) + 1),
		    door.port, sizeof(door.port));
	door.is_local = span_has_prefix(address, "127.") ||
	    span_has_prefix(address, "[::1]");
	door.security = security_of(begins_tls,
	    !is_smtp                 ? prog.settings.pop3d.tls
	        : door.is_submission ? prog.settings.submission.tls
	                             : prog.settings.smtpd.tls);
	return door;
}

static json_t *
describe(const struct door *door)
{
	bool logs_in =
	    door->is_submission || strcmp(door->protocol, "pop3") == 0;

	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:s}", "type",
	    door->protocol, "host", prog_hostname(), "port", door->port,
	    "security", door->security, "login", logs_in, "reach",
	    door->is_local ? "this machine" : "");
}

/* Those that begin with TLS first: a mail program takes the first that works. Of
   SMTP those for mail programs, where there are some. */
static json_t *
list_doors(const struct setting_list *listen, bool is_smtp)
{
	static const char *const order[] = { "SSL", "STARTTLS", "plain" };
	json_t *doors = json_array();
	bool has_submission = false;

	for (size_t i = 0; i < listen->n; i++)
		has_submission = has_submission ||
		    read_door(listen->value[i], is_smtp).is_submission;
	for (size_t at = 0; at < sizeof(order) / sizeof(order[0]); at++)
		for (size_t i = 0; i < listen->n; i++) {
			struct door door = read_door(listen->value[i], is_smtp);

			if (strcmp(door.security, order[at]) == 0 &&
			    door.is_submission == has_submission)
				(void)json_array_append_new(
				    doors, describe(&door));
		}
	return doors;
}

/* ---- for Thunderbird ---- */

static void
put_escaped(struct buf *b, const char *text)
{
	for (; *text != '\0'; text++)
		if (strchr("<>&\"'", *text) != NULL)
			buf_addf(b, "&#%d;", *text);
		else
			buf_addc(b, *text);
}

static void
put_element(struct buf *b, const char *name, const char *text)
{
	buf_addf(b, "      <%s>", name);
	put_escaped(b, text);
	buf_addf(b, "</%s>\n", name);
}

static void
put_server(struct buf *b, const char *element, const json_t *door)
{
	const char *type = json_string_value(json_object_get(door, "type"));
	bool logs_in = json_is_true(json_object_get(door, "login"));

	buf_addf(b, "    <%s type=\"%s\">\n", element, type);
	put_element(
	    b, "hostname", json_string_value(json_object_get(door, "host")));
	put_element(
	    b, "port", json_string_value(json_object_get(door, "port")));
	put_element(b, "socketType",
	    json_string_value(json_object_get(door, "security")));
	put_element(
	    b, "authentication", logs_in ? "password-cleartext" : "none");
	if (logs_in)
		put_element(b, "username", "%EMAILADDRESS%");
	buf_addf(b, "    </%s>\n", element);
}

static void
print_autoconfig(const struct address *a, const json_t *in, const json_t *out)
{
	struct buf b = BUF_INIT(1UL << 20);
	char domain[DOMAIN_MAX + 1];

	(void)span_copy(address_domain(a), domain, sizeof(domain));
	buf_adds(&b,
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	    "<clientConfig version=\"1.1\">\n  <emailProvider id=\"");
	put_escaped(&b, domain);
	buf_adds(&b, "\">\n");
	put_element(&b, "domain", domain);
	put_element(&b, "displayName", domain);
	for (size_t i = 0; i < json_array_size(in); i++)
		put_server(&b, "incomingServer", json_array_get(in, i));
	for (size_t i = 0; i < json_array_size(out); i++)
		put_server(&b, "outgoingServer", json_array_get(out, i));
	buf_adds(&b, "  </emailProvider>\n</clientConfig>\n");
	(void)fwrite(b.p, 1, b.len, stdout);
	buf_free(&b);
}

/* ---- for people ---- */

static json_t *
person_of(const struct line *line)
{
	json_t *object = json_object();
	struct record r;
	struct fault f;

	if (record_parse(line->text, &r, &f) != OK)
		return object;
	(void)json_object_set_new(object, "address", json_text(line->smtp));
	(void)json_object_set_new(
	    object, "name", json_text(record_value(&r, "name")));
	(void)json_object_set_new(object, "user", json_text(line->smtp));
	(void)json_object_set_new(
	    object, "login", json_text(record_value(&r, "login")));
	return object;
}

static void
print_for_people(const json_t *object)
{
	output_text(object,
	    "mail address  {address|text}\n[name          {name|text}\n]"
	    "user name     {user|text}[ (or {login|text})]\n"
	    "password      that of the mail address\n");
	output_each(json_object_get(object, "incoming"),
	    "POP3 server   {host}, port {port}, {security}"
	    "[, for {reach|text} only]\n");
	output_each(json_object_get(object, "outgoing"),
	    "SMTP server   {host}, port {port}, {security}[ (this machine "
	    "only: {this-machine-only})]\n");
}

enum outcome
look_clientinfo(
    const struct directory *d, const struct request *r, struct fault *f)
{
	const struct line *line =
	    directory_find(d, address_directory_key(&r->address));
	json_t *in, *out, *object;

	if (line == NULL || line->kind != LINE_ENTRY || line->has_left)
		return fault_set(f, PERM, "5.1.1", 0,
		    SPAN_FMT " is no user of the directory",
		    SPAN_ARG(address_key(&r->address)));
	in = list_doors(&prog.settings.pop3d.listen, false);
	out = list_doors(&prog.settings.smtpd.listen, true);
	object = person_of(line);
	(void)json_object_set(object, "incoming", in);
	(void)json_object_set(object, "outgoing", out);
	if (r->option[OPTION_AUTOCONFIG] != NULL) {
		print_autoconfig(&r->address, in, out);
	} else {
		output_json(object);
		if (!prog.json)
			print_for_people(object);
	}
	json_decref(in);
	json_decref(out);
	json_decref(object);
	return OK;
}
