"""Exim. What it accepts stays in its queue, which no runner works through."""

SPOOL = "/var/spool/exim4/input"

_SETUP = """set -e
mkdir -p /var/log/exim4 && chown Debian-exim:adm /var/log/exim4
install -m 640 -o root -g Debian-exim /setup/key.pem /etc/exim4/key.pem
cat > /etc/exim4/exim4.conf <<'CONF'
primary_hostname = mail.example.com
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
tls_advertise_hosts = *
tls_certificate = /setup/certificate.pem
tls_privatekey = /etc/exim4/key.pem
queue_only = true
acl_smtp_rcpt = accept
acl_smtp_data = accept
{limits}
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if and{{{{eq{{$auth1}}{{{user}}}}}{{eq{{$auth2}}{{{password}}}}}}}}}
  server_set_id = $auth1
begin routers
everything:
  driver = accept
  transport = drop
begin transports
drop:
  driver = appendfile
  file = /dev/null
  user = Debian-exim
CONF
exec exim4 -bdf -oX 127.0.0.1:{port}
"""


def setup(*, port: int, user: str, password: str, lifted: bool) -> str:
    """The shell script that configures and runs it."""
    limits = "smtp_accept_max = 0\nsmtp_accept_max_per_connection = 0\n"
    return _SETUP.format(port=port, user=user, password=password, limits=limits if lifted else "")
