# A CRM in Ruby (bunny): one request as its users write it, and its results from a queue of its own; prints what came as
# JSON lines and ends.  Usage: ruby crm.rb URL PREFIX
require 'bunny'
require 'json'

url, prefix = ARGV
connection = Bunny.new(url)
connection.start
channel = connection.create_channel
channel.confirm_select
results = channel.queue('', exclusive: true)
results.bind("#{prefix}.results", routing_key: 'p.#')
came = Queue.new
results.subscribe { |_, properties, body| came << [properties, JSON.parse(body)] }
# Without declaring: a time and a fraction as headers, a symbol for a type.
requests = Bunny::Exchange.new(channel, :topic, "#{prefix}.requests", no_declare: true)
requests.publish(
  { id: 'ruby', to: '+79000000000', text: 'Привет' }.to_json,
  routing_key: 'p', persistent: true, mandatory: true, content_type: 'application/json', correlation_id: 'c-1',
  timestamp: Time.now.to_i, headers: { 'sent_at' => Time.now, 'ratio' => 1.5, 'source' => 'shop' }
)
channel.wait_for_confirms
2.times do
  properties, body = came.pop
  puts({ status: body['status'], correlation: properties.correlation_id }.to_json)
end
connection.close
