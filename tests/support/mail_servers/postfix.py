"""Postfix. Its limits for one client hold for every client here, those of its own networks too."""

SPOOL = "/var/spool/postfix"

_SETUP = """set -e
[ -e /configured ] || {{
    postconf -M -X smtp/inet
    postconf -M "127.0.0.1:{port}/inet=127.0.0.1:{port} inet n - n - - smtpd"
    postconf -e maillog_file=/dev/stdout inet_interfaces=loopback-only inet_protocols=ipv4 \\
        myhostname=mail.example.com mydestination=localhost mynetworks=127.0.0.0/8 \\
        'relay_domains=static:all' 'smtpd_client_event_limit_exceptions=' \\
        'smtpd_data_restrictions=check_client_access static:hold' \\
        smtpd_tls_security_level=may smtpd_tls_chain_files=/etc/postfix/chain.pem \\
        smtpd_sasl_auth_enable=yes smtpd_sasl_path=smtpd smtpd_sasl_local_domain=example.com \\
        'local_recipient_maps=' {limits}
    cat /setup/key.pem /setup/certificate.pem > /etc/postfix/chain.pem
    mkdir -p /etc/postfix/sasl
    printf '%s\\n' 'pwcheck_method: auxprop' 'auxprop_plugin: sasldb' 'mech_list: PLAIN LOGIN' \\
        > /etc/postfix/sasl/smtpd.conf
    echo '{password}' | saslpasswd2 -p -c -u example.com '{user}'
    chgrp postfix /etc/sasldb2 && chmod 640 /etc/sasldb2
    touch /configured
}}
rm -f /var/spool/postfix/pid/master.pid
exec postfix start-fg
"""


def setup(*, port: int, user: str, password: str, lifted: bool) -> str:
    """The shell script that configures and runs it."""
    limits = "smtpd_client_connection_count_limit=0 smtpd_hard_error_limit=100000"
    return _SETUP.format(port=port, user=user, password=password, limits=limits if lifted else "")
