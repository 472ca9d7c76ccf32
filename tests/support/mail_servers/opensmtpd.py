"""OpenSMTPD. Its delivery is paused, so that what it accepts stays in its queue."""

SPOOL = "/var/spool/smtpd/queue"

_SETUP = """set -e
install -m 600 /setup/key.pem /etc/ssl/private/mail.key
printf '{user} %s\\n' "$(smtpctl encrypt '{password}')" > /etc/mail-users
chmod 644 /etc/mail-users
cat > /etc/smtpd.conf <<'CONF'
pki mail cert "/setup/certificate.pem"
pki mail key "/etc/ssl/private/mail.key"
table users file:/etc/mail-users
{limits}
listen on 127.0.0.1 port {port} tls pki mail auth-optional <users> hostname mail.example.com
action "keep" relay host smtp://127.0.0.1:9
match from any for any action "keep"
CONF
exec smtpd -d -P mda -P mta
"""


def setup(*, port: int, user: str, password: str, lifted: bool) -> str:
    """The shell script that configures and runs it."""
    limits = "smtp limit max-mails 1000000\nsmtp limit max-rcpt 1000000\n"
    return _SETUP.format(port=port, user=user, password=password, limits=limits if lifted else "")
