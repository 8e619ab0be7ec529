# dalli. Its options are the client's. lines.h says what is told on stdin.
require 'dalli'
require 'logger'

Dalli.logger = Logger.new($stderr, level: Logger::WARN)
options = { socket_timeout: 10 }
servers = []
client = nil
out = ["=version\t#{Dalli::VERSION}"]
$stdin.set_encoding('UTF-8')
$stdin.each_line(chomp: true) do |line|
  word, *fields = line.split("\t")
  case word
  when 'option' then options[fields[0].to_sym] = fields[1]
  when 'server'
    host, port, weight = fields
    address = port == '0' ? host : "#{host}:#{port}"
    servers << (weight == '1' ? address : "#{address}:#{weight}")
  else
    client ||= Dalli::Client.new(servers, options)
    begin
      if word == 'set'
        out << (client.set(*fields, nil, raw: true) ? '=stored' : '=refused')
      else
        value = client.get(*fields)
        out << (value.nil? ? '=miss' : "=hit\t#{value}")
      end
    rescue StandardError => e
      warn "#{word} #{fields[0]}: #{e}"
      out << (word == 'set' ? '=refused' : '=miss')
    end
  end
end
puts out
