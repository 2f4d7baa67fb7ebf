#!/bin/sh
# Set a RabbitMQ server on Debian or Ubuntu up as a jobman pool. As root, on the server:
#
#     sh setup.sh HOST OFFICE
#
# HOST: the server's name as it stands in the pool's URL. OFFICE: the folder that
# `jobman pool init amqps://HOST/jobman --pcs FILE` made. It makes the certificates if there are
# none, installs the configuration, starts the server anew if something changed, imports virtual
# host, queue, exchanges, users and permissions, and removes the user "guest". Run it again after
# each `jobman pool init`: then it only imports.
set -eu
[ $# -eq 2 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
host=$1 office=$2
here=$(cd "$(dirname "$0")" && pwd)
root=${JOBMAN_SETUP_ROOT:-}   # tests install below another folder
etc=$root/etc/rabbitmq
stop() { echo "setup.sh: $1" >&2; exit "${2:-2}"; }

[ -n "$root" ] || [ "$(id -u)" -eq 0 ] || stop "run it as root" 4
command -v rabbitmqctl >/dev/null || stop "RabbitMQ is not here: apt install rabbitmq-server"
command -v openssl >/dev/null || stop "openssl is not here: apt install openssl"
[ -f "$office/definitions.json" ] || stop "$office has no definitions.json: jobman pool init makes it"

changed=
install_if_new() {   # FILE PLACE
    if ! cmp -s "$1" "$2"; then
        mkdir -p "$(dirname "$2")"
        install -m 0644 "$1" "$2"
        echo "installed $2"
        changed=yes
    fi
}
if [ ! -e "$etc/jobman/server.pem" ]; then
    sh "$here/certificates.sh" "$host" "$etc/jobman"
    changed=yes
fi
if getent passwd rabbitmq >/dev/null; then
    chgrp rabbitmq "$etc/jobman" "$etc/jobman/server-key.pem"
    chmod 0750 "$etc/jobman"
    chmod 0640 "$etc/jobman/server-key.pem"
fi
install_if_new "$here/20-jobman.conf" "$etc/conf.d/20-jobman.conf"
install_if_new "$here/rabbitmq-server.conf" \
    "$root/etc/systemd/system/rabbitmq-server.service.d/jobman.conf"
if [ -n "$changed" ]; then
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        systemctl restart rabbitmq-server
    else
        service rabbitmq-server restart
    fi
fi
tries=30
until rabbitmqctl await_startup --timeout 60 >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || stop "RabbitMQ does not start: see its log in /var/log/rabbitmq" 3
    sleep 2
done

# rabbitmqctl reads the file as the user rabbitmq, who may not enter our folder.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
install -m 0600 "$office/definitions.json" "$copy/definitions.json"
if getent passwd rabbitmq >/dev/null; then
    chown rabbitmq "$copy" "$copy/definitions.json"
fi
rabbitmqctl import_definitions "$copy/definitions.json"
if rabbitmqctl list_users --quiet --no-table-headers | grep -q '^guest[[:space:]]'; then
    rabbitmqctl delete_user guest
fi
cp "$etc/jobman/ca.pem" "$office/ca.pem"
echo "done. Each PC needs $office/ca.pem and its own file of $office/passwords;"
echo "then there: jobman pool check"
