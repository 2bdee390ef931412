# What a fuzz target needs besides lib.a: objects of its folder, libraries.
fuzz_directory_OBJS := $(DIRECTORY)
fuzz_directory_LIBS := -lcdb -lidn2 -lunistring
fuzz_block_OBJS := resolve/block
fuzz_block_LIBS := -lresolv
fuzz_envelope_OBJS := store/envelope_file
fuzz_smtp_OBJS := $(SMTPD_SESSION)
fuzz_smtp_LIBS := $(OPENSSL)
fuzz_pop3_OBJS := pop3d/session pop3d/spool pop3d/maildrop pop3d/snapshot pop3d/command
fuzz_config_edit_OBJS := start/config_edit
fuzz_sendmail_OBJS := submit/arguments submit/addresses submit/message
fuzz_wire_tls_LIBS := $(OPENSSL)
fuzz_explain_OBJS := $(SMTPD_SESSION) smtpd/explain
fuzz_explain_LIBS := $(OPENSSL)
fuzz_list_edit_OBJS := start/list_edit
fuzz_listen_OBJS := start/listen start/services
fuzz_pair_OBJS := tls/pair
fuzz_pair_LIBS := $(OPENSSL)
