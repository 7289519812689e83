#!/bin/sh
# The policy that smsd's work queues need on RabbitMQ 4: requests may wait there as long and as often as they have to.
#
#   deploy/rabbitmq/policies.sh [VHOST [PREFIX]]
#
# VHOST is that of broker.url ("/" unless told), PREFIX is broker.prefix ("sms"). Run it where rabbitmqctl reaches the
# node; again does no harm. A queue has one policy: limits of your own belong into this one (set_policy smsd-requests).
#
# RabbitMQ 4 gives a request up after 20 deliveries (delivery-limit), and each restart of smsd or RabbitMQ while it waits
# is one. smsd takes what was given up so, and puts it back; the policy spares both the way round. RabbitMQ 3 has no limit
# unless somebody sets one, and refuses -1.
set -eu

vhost=${1:-/}
prefix=${2:-sms}
own=$(printf '%s' "$prefix" | sed 's/[.]/[.]/g')

version=$(rabbitmqctl --quiet version)
case $version in
    3.*)
        echo "RabbitMQ $version sets no limit by itself: no policy is needed"
        exit
        ;;
esac
rabbitmqctl --quiet set_policy --vhost "$vhost" --priority 10 --apply-to quorum_queues \
    smsd-requests "^$own[.]requests[.]" '{"delivery-limit": -1}'
