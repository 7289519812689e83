#!/bin/sh
# Two RabbitMQ users with no more rights than they need: smsd, and the CRM that gives it requests and reads results.
#
#   SMSD_PASSWORD=… CRM_PASSWORD=… deploy/rabbitmq/permissions.sh [VHOST [PREFIX]]
#
# VHOST is that of broker.url ("/" unless told), PREFIX is broker.prefix ("sms"). Run it where rabbitmqctl reaches the
# node, after the virtual host was made; running it again sets new passwords and the same rights.
#
# With `broker.declare: false` import the topology first, and give smsd fewer rights by DECLARE=no:
#
#   smsd topology > definitions.json && rabbitmqctl import_definitions definitions.json
#
# set_permissions takes three regular expressions: what a user may configure (make and delete), write to, read from.
# amq.gen-… are the queues that the broker names: smsd's own for commands, the CRM's for answers. amq.default is the
# exchange by which copies reach a `reply_to`.
set -eu

vhost=${1:-/}
prefix=${2:-sms}
own=$(printf '%s' "$prefix" | sed 's/[.]/[.]/g')

# Passwords go by stdin, so that no list of processes shows them. rabbitmqctl of RabbitMQ 4 reads it only when it has
# no more arguments than these two; with --quiet it would wait for ever (4.0) or crash (4.3).
account() { # name, password
    if rabbitmqctl --quiet list_users --no-table-headers | cut -f1 | grep -qx "$1"; then
        printf '%s\n' "$2" | rabbitmqctl change_password "$1" >/dev/null
    else
        printf '%s\n' "$2" | rabbitmqctl add_user "$1" >/dev/null
    fi
}

case ${DECLARE:-yes} in
    no) configure='^amq[.]gen-.*$' ;;
    *) configure="^(amq[.]gen-.*|$own[.].*)\$" ;;
esac

account smsd "$SMSD_PASSWORD"
rabbitmqctl --quiet set_permissions --vhost "$vhost" smsd \
    "$configure" "^(amq[.]gen-.*|amq[.]default|$own[.].*)\$" "^(amq[.]gen-.*|$own[.].*)\$"

# Publishes requests and commands, reads what smsd publishes for it, from the queues of these names or its own crm.…
account crm "$CRM_PASSWORD"
rabbitmqctl --quiet set_permissions --vhost "$vhost" crm \
    '^(amq[.]gen-.*|crm[.].*)$' \
    "^(amq[.]gen-.*|crm[.].*|$own[.](requests|control))\$" \
    "^(amq[.]gen-.*|crm[.].*|$own[.](results|inbound|events))\$"
