/* SPDX-License-Identifier: ISC */
/* The report to a sender: RFC 3464. */
#include "queue-run.h"

#include "../../queue-run/report_text.h"

static bool
has(const struct buf *b, const char *text)
{
	return strstr(b->p, text) != NULL;
}

static void
test_wanted(void)
{
	static const struct {
		const char *title, *from;
		const char *notify; /* NULL: not given */
		bool want;
	} cases[] = {
		{ "a failure is reported by default", "a@b.example", NULL,
		    true },
		{ "a null reverse-path never gets a report", "", "FAILURE",
		    false },
		{ "NOTIFY=NEVER gets none", "a@b.example", "NEVER", false },
		{ "NOTIFY=FAILURE gets one", "a@b.example", "FAILURE", true },
		{ "NOTIFY=success,failure gets one", "a@b.example",
		    "success,failure", true },
		{ "NOTIFY=SUCCESS alone gets none", "a@b.example", "SUCCESS",
		    false },
		{ "NOTIFY=DELAY alone gets none", "a@b.example", "DELAY",
		    false },
	};
	struct envelope silent;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct envelope e;

		test_envelope(&e, cases[i].from, "x@example.org");
		if (cases[i].notify != NULL)
			e.recipient[0].notify = strdup(cases[i].notify);
		tap_ok(report_is_wanted(&e, &e.recipient[0], "FAILURE") ==
		        cases[i].want,
		    "%s", cases[i].title);
		envelope_free(&e);
	}
	test_envelope(&silent, "a@b.example", "x@example.org");
	tap_ok(!report_is_wanted(&silent, &silent.recipient[0], "SUCCESS"),
	    "a success is not reported by default");
	silent.recipient[0].notify = strdup("SUCCESS");
	tap_ok(report_is_wanted(&silent, &silent.recipient[0], "SUCCESS"),
	    "NOTIFY=SUCCESS gets a report of it");
	envelope_free(&silent);
}

static void
test_header(void)
{
	static const struct {
		const char *title, *content, *want;
	} cases[] = {
		{ "the header section ends before the empty line",
		    "A: 1\r\nB: 2\r\n\r\nbody\r\n", "A: 1\r\nB: 2\r\n" },
		{ "a message without body is all header", "A: 1\r\n",
		    "A: 1\r\n" },
		{ "half a line is left out", "A: 1\r\nB: 2", "A: 1\r\n" },
		{ "no header at all is empty", "\r\nbody\r\n", "" },
		{ "nothing is empty", "", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		tap_ok(span_eq(report_header(span_of(cases[i].content)),
		           cases[i].want),
		    "%s", cases[i].title);
}

static void
test_report(void)
{
	struct envelope e, of_report;
	struct buf b = BUF_INIT(REPORT_MAX);
	struct report_recipient failed[2];
	struct report n = { .hostname = "mx.example.org",
		.postmaster = "example.org",
		.of = &e,
		.header = SPAN_LIT("Subject: x\r\n"),
		.failed = failed,
		.n = 2,
		.now_ms = 1764000000000 };
	struct qid qid, again, other;
	struct fault f;

	test_envelope(&e, "ann@example.net", "x@example.org y@example.org");
	e.recipient[0].orcpt = strdup("rfc822;x+2Bz@example.org");
	strcpy(e.envid, "id+0D+0Aevil");
	failed[0] = (struct report_recipient){ &e.recipient[0], "5.1.1",
		"no such user", "", 0 };
	failed[1] = (struct report_recipient){ &e.recipient[1], "5.4.4",
		"no\r\nroute", "", 0 };
	tap_ok(report_share(&n, &qid) == 2, "two share one report");
	(void)report_share(&n, &again);
	tap_ok(strcmp(qid.text, again.text) == 0,
	    "the same report has the same qid each time");
	n.n = 1;
	(void)report_share(&n, &other);
	tap_ok(strcmp(qid.text, other.text) != 0,
	    "a report about others has another");
	n.n = 2;
	tap_ok(
	    report_put_text(&n, &qid, &of_report, &b, &f) == OK, "it is made");
	tap_ok(path_is_null(&of_report.reverse_path) &&
	        of_report.recipients == 1 &&
	        span_eq(path_span(&of_report.recipient[0].forward_path),
	            "ann@example.net"),
	    "it goes to the sender, from the null reverse-path");
	tap_ok(has(&b,
	           "Content-Type: multipart/report; "
	           "report-type=delivery-status;") &&
	        has(&b,
	            "Content-Type: message/delivery-status\r\n\r\n"
	            "Reporting-MTA: dns; mx.example.org\r\n") &&
	        has(&b,
	            "Content-Type: text/rfc822-headers\r\n\r\n"
	            "Subject: x\r\n"),
	    "it has the three parts of RFC 3464");
	tap_ok(has(&b,
	           "\r\n\r\nOriginal-Recipient: rfc822; x+z@example.org\r\n"
	           "Final-Recipient: rfc822; x@example.org\r\n"
	           "Action: failed\r\nStatus: 5.1.1\r\n"
	           "Diagnostic-Code: x-pneu; 5.1.1 no such user\r\n"),
	    "a recipient has its fields, the original one decoded");
	tap_ok(has(&b, "Original-Envelope-Id: id??evil\r\n") &&
	        has(&b, "5.4.4 no??route\r\n"),
	    "no text of others ends a line");
	tap_ok(has(&b, "Auto-Submitted: auto-replied\r\n"),
	    "no vacation program answers it");
	tap_ok(b.len > 2 && memcmp(b.p + b.len - 4, "--\r\n", 4) == 0 &&
	        strstr(b.p, "\n\n") == NULL,
	    "it ends with its boundary, lines end with CRLF");
	envelope_free(&of_report);
	envelope_free(&e);
	buf_free(&b);
}

/* What a host said, in a report of that action. */
static bool
says(enum report_action action, const struct report_recipient *what,
    const char *want)
{
	struct envelope e, of_report;
	struct buf b = BUF_INIT(REPORT_MAX);
	struct report_recipient failed = *what;
	struct report n = { .action = action,
		.hostname = "mx.example.org",
		.postmaster = "example.org",
		.of = &e,
		.failed = &failed,
		.n = 1 };
	struct qid qid;
	struct fault f;
	bool got;

	test_envelope(&e, "ann@example.net", "x@example.org");
	failed.recipient = &e.recipient[0];
	n.n = report_share(&n, &qid);
	got = report_put_text(&n, &qid, &of_report, &b, &f) == OK &&
	    has(&b, want);
	envelope_free(&of_report);
	envelope_free(&e);
	buf_free(&b);
	return got;
}

static void
test_hosts(void)
{
	static const struct {
		const char *title;
		struct report_recipient what;
		const char *want;
	} cases[] = {
		{ "a host's reply is told as such, with its name",
		    { NULL, "5.1.1", "no such user",
		        "mx.example.net[192.0.2.1]:25", 550 },
		    "Status: 5.1.1\r\nRemote-MTA: dns; mx.example.net\r\n"
		    "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n" },
		{ "its enhanced code stands once",
		    { NULL, "5.1.1", "5.1.1 no such user", "mx.example.net",
		        550 },
		    "Remote-MTA: dns; mx.example.net\r\n"
		    "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n" },
		{ "without a name it is told by its address",
		    { NULL, "5.1.1", "no", "[192.0.2.1]:25", 550 },
		    "Remote-MTA: dns; [192.0.2.1]\r\n" },
		{ "a host that did not answer is named",
		    { NULL, "4.4.1", "connection refused",
		        "mx.example.net[2001:db8::1]:25", 0 },
		    "Remote-MTA: dns; mx.example.net\r\n"
		    "Diagnostic-Code: x-pneu; 4.4.1 connection refused\r\n" },
		{ "none is named that was not there",
		    { NULL, "4.4.1", "no host", "", 0 },
		    "Status: 4.4.1\r\nDiagnostic-Code: x-pneu; " },
		{ "its words end no line",
		    { NULL, "5.1.1", "no\r\nAction: delivered", "mx", 550 },
		    "smtp; 550 5.1.1 no??Action: delivered\r\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		tap_ok(says(REPORT_FAILED, &cases[i].what, cases[i].want), "%s",
		    cases[i].title);
	tap_ok(says(REPORT_RELAYED,
	           &(struct report_recipient){
	               NULL, "2.0.0", "queued", "mx.example.net", 250 },
	           "Action: relayed\r\nStatus: 2.0.0\r\n"
	           "Remote-MTA: dns; mx.example.net\r\n"
	           "Diagnostic-Code: smtp; 250 2.0.0 queued\r\n"),
	    "what was relayed is told so");
}

/* A repeat meets `exists`: reports about different things must not. */
static void
test_qids(void)
{
	struct qid qid[REPORT_ACTIONS];
	struct envelope e;

	test_envelope(&e, "ann@example.net", "x@example.org");
	for (size_t i = 0; i < REPORT_ACTIONS; i++) {
		struct report_recipient one = { &e.recipient[0], "2.0.0", "",
			"", 0 };

		(void)report_share(
		    &(struct report){ .action = (enum report_action)i,
		        .of = &e,
		        .failed = &one,
		        .n = 1 },
		    &qid[i]);
	}
	tap_ok(strcmp(qid[0].text, qid[1].text) != 0 &&
	        strcmp(qid[0].text, qid[2].text) != 0 &&
	        strcmp(qid[1].text, qid[2].text) != 0,
	    "failure, delay and relaying have reports of their own");
	envelope_free(&e);
}

static void
test_many(void)
{
	static struct report_recipient failed[2000];
	struct buf to = BUF_INIT(1000000), b = BUF_INIT(REPORT_MAX);
	struct envelope e, of_report;
	struct report n = { .hostname = "mx.example.org",
		.postmaster = "example.org",
		.of = &e,
		.failed = failed,
		.n = 2000 };
	struct qid qid;
	struct fault f;
	size_t share;

	for (int i = 0; i < 2000; i++)
		buf_addf(&to, "%suser%d@example.org", i ? " " : "", i);
	test_envelope(&e, "ann@example.net", to.p);
	for (size_t i = 0; i < 2000; i++)
		failed[i] = (struct report_recipient){ &e.recipient[i], "5.1.1",
			"no such user", "", 0 };
	n.n = share = report_share(&n, &qid);
	tap_ok(share > 10 && share < 2000,
	    "of many recipients some share a report");
	tap_ok(report_put_text(&n, &qid, &of_report, &b, &f) == OK &&
	        b.len <= REPORT_TEXT_MAX,
	    "which stays small");
	envelope_free(&of_report);
	envelope_free(&e);
	buf_free(&b);
	buf_free(&to);
}

int
main(void)
{
	test_wanted();
	test_header();
	test_report();
	test_hosts();
	test_qids();
	test_many();
	return tap_done();
}
