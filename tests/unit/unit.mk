# What a unit test needs besides lib.a: objects of its folder, libraries.
resolve_address_OBJS := resolve/address
resolve_address_LIBS := -lidn2 -lunistring
resolve_alarm_OBJS := resolve/alarm
resolve_compiled_OBJS := resolve/compiled resolve/replace
resolve_compiled_LIBS := -lcdb
resolve_lookup_OBJS := resolve/lookup resolve/compiled resolve/replace resolve/address
resolve_lookup_LIBS := -lcdb -lidn2 -lunistring
resolve_verify_OBJS := resolve/verify resolve/compiled resolve/replace resolve/address
resolve_verify_LIBS := -lcdb -lidn2 -lunistring
resolve_directory_OBJS := $(DIRECTORY) resolve/mailboxes resolve/compiled \
	resolve/replace resolve/address
resolve_directory_LIBS := -lcdb -lidn2 -lunistring
resolve_edit_OBJS := resolve/edit $(DIRECTORY) resolve/mailboxes \
	resolve/compiled resolve/replace resolve/address
resolve_edit_LIBS := -lcdb -lidn2 -lunistring
lib_password_OBJS := pop3d/command
smtpd_session_OBJS := smtpd/session smtpd/commands smtpd/transfer smtpd/reply \
	smtpd/parameters smtpd/recipients smtpd/content smtpd/submit \
	smtpd/entries
smtpd_commands_OBJS := $(smtpd_session_OBJS)
smtpd_transfer_OBJS := $(smtpd_session_OBJS)
smtpd_content_OBJS := smtpd/content
smtpd_parameters_OBJS := smtpd/parameters
deliver_mailbox_OBJS := deliver/mailbox deliver/directories
pop3d_command_OBJS := pop3d/command
pop3d_maildrop_OBJS := pop3d/maildrop pop3d/snapshot
pop3d_spool_OBJS := pop3d/spool
pop3d_session_OBJS := pop3d/session pop3d/spool pop3d/maildrop pop3d/snapshot pop3d/command
journal_receiver_OBJS := journal/receiver
store_envelope_file_OBJS := store/envelope_file
store_store_OBJS := $(STORE)
queue-add_accept_OBJS := $(filter-out queue-add/main queue-add/bring,$(queue-add_OBJS))
queue-run_schedule_OBJS := $(RUN_OBJS)
queue-run_notice_OBJS := $(RUN_OBJS)
queue-run_attempt_OBJS := $(RUN_OBJS)
queue-run_memory_OBJS := $(RUN_OBJS) queue/tidy
start_accept_OBJS := $(filter-out start/main,$(pneu_OBJS))
start_accept_LIBS := $(JSON)
start_listen_OBJS := start/listen start/services
start_reload_OBJS := $(filter-out start/main,$(pneu_OBJS))
start_reload_LIBS := $(JSON)
