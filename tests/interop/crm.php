<?php
// A CRM in PHP (php-amqp): one request as its users write it, and its results from a queue of its own; prints what came
// as JSON lines and ends.  Usage: php crm.php URL PREFIX
[, $url, $prefix] = $argv;
$at = parse_url($url);
$connection = new AMQPConnection([
    'host' => $at['host'], 'port' => $at['port'], 'login' => $at['user'], 'password' => $at['pass'],
    'vhost' => rawurldecode(substr($at['path'], 1)), 'read_timeout' => 30,
]);
$connection->connect();
$channel = new AMQPChannel($connection);
$results = new AMQPQueue($channel);
$results->setFlags(AMQP_EXCLUSIVE);
$results->declareQueue();
$results->bind("$prefix.results", 'p.#');
$requests = new AMQPExchange($channel);
$requests->setName("$prefix.requests");
$requests->publish(
    // An empty array where an object belongs, an integer header, escapes for each Cyrillic letter.
    json_encode(['id' => 'php', 'to' => '+79000000000', 'text' => 'Привет', 'tlvs' => []]),
    'p.urgent',
    AMQP_MANDATORY,
    ['delivery_mode' => 2, 'content_type' => 'application/json', 'correlation_id' => 'c-1', 'priority' => 9,
     'headers' => ['attempt' => 1, 'source' => 'shop']]
);
$left = 2;
$results->consume(function (AMQPEnvelope $message) use (&$left) {
    $body = json_decode($message->getBody(), true, 512, JSON_THROW_ON_ERROR);
    echo json_encode(['status' => $body['status'], 'correlation' => $message->getCorrelationId()]), "\n";
    return --$left > 0;
}, AMQP_AUTOACK);
$connection->disconnect();
