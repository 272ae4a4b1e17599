// Stands in for the machine's name resolution: FOREIGN_HOSTS=name=port,name=port sends connections to port 443 of these
// hosts to a port of 127.0.0.1. Loaded with `node --require`; TLS still asks for the name and checks it.
const net = require("node:net");

const ports = new Map((process.env.FOREIGN_HOSTS ?? "").split(",").filter(Boolean).map((pair) => pair.split("=")));
const connect = net.Socket.prototype.connect;

net.Socket.prototype.connect = function (...given) {
  const [options, callback] = Array.isArray(given[0]) ? given[0] : given;
  if (Number(options?.port) !== 443 || !ports.has(options.host)) return connect.apply(this, given);
  return connect.call(this, { ...options, host: "127.0.0.1", port: Number(ports.get(options.host)) }, callback);
};
