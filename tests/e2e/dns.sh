# SPDX-License-Identifier: ISC
# dns.sh: a real DNS server with zones of the test's own, sourced after lib.sh:
#	dns_begin; zone NAME RECORDS...; broken_zone NAME; dns_start
# $DNS: its port on 127.0.0.1. dns -STOP, dns -CONT: to all its processes.
command -v nsd > /dev/null || skip_all "no nsd"
dns_begin() {
	DNS=$(free_ports 1)
	mkdir "$T/dns"
	cat > "$T/dns/nsd.conf" <<-E
	server:
	 ip-address: 127.0.0.1@$DNS
	 username: ""
	 chroot: ""
	 zonesdir: "$T/dns"
	 database: ""
	 pidfile: "$T/dns/pid"
	 xfrdfile: "$T/dns/xfrd"
	 xfrdir: "$T/dns"
	 zonelistfile: "$T/dns/list"
	 logfile: "$T/dns/log"
	 server-count: 1
	 rrl-ratelimit: 0
	remote-control:
	 control-enable: no
	E
}
zone_text() { # zone_text RECORDS
	printf '$TTL 1\n@ SOA ns. root. 1 3600 600 86400 1\n@ NS ns.\n%s\n' "$1"
}
zone_file() { printf 'zone:\n name: %s\n zonefile: %s\n' "$1" "$2" >> "$T/dns/nsd.conf"; }
zone() { zone_text "$2" > "$T/dns/$1"; zone_file "$1" "$1"; } # zone NAME RECORDS
broken_zone() { zone_file "$1" missing; } # it answers SERVFAIL
dns_start() {
	chmod -R a+rwX "$T/dns"
	_exec_as nsd -d -c "$T/dns/nsd.conf" > "$T/dns/out" 2>&1 &
	NSD=$!
	trap 'dns_end; _end' EXIT
}
_family() { echo "$1"; for _c in $(pgrep -P "$1"); do _family "$_c"; done; }
dns() { kill "$1" $(_family "$NSD"); }
dns_end() { dns -CONT; kill "$NSD"; wait "$NSD"; } 2> /dev/null
