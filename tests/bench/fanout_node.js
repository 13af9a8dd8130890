// SPDX-License-Identifier: MIT
// A fan-out server as one writes it with Node.js dgram: the peer of the benchmarks. The wire is that of
// raw_wire.h. Prints "fanout_node ready udp=127.0.0.1:PORT" and runs until it is killed.
'use strict';

const dgram = require('node:dgram');

const HELLO_SIZE = 4;
const BUFFER_BYTES = 4 * 1024 * 1024;
const rooms = new Map();

// A numeric address needs no look-up; dgram's own would put a turn of the loop before each send.
const lookup = (host, options, callback) => {
    callback(null, host, 4);
};
const socket = dgram.createSocket({type: 'udp4', lookup, recvBufferSize: BUFFER_BYTES, sendBufferSize: BUFFER_BYTES});

socket.on('message', (datagram, source) => {
    if (datagram.length < HELLO_SIZE) {
        return;
    }
    const number = datagram.readUInt16LE(0);
    const member = datagram.readUInt16LE(2);
    let room = rooms.get(number);
    if (datagram.length === HELLO_SIZE) {
        if (room === undefined) {
            rooms.set(number, room = []);
        }
        room[member] = {port: source.port, address: source.address};
        socket.send(datagram, source.port, source.address);
        return;
    }
    if (room === undefined) {
        return;
    }
    for (let i = 0; i < room.length; i++) {
        if (i !== member && room[i] !== undefined) {
            socket.send(datagram, room[i].port, room[i].address);
        }
    }
});

socket.bind(0, '127.0.0.1', () => {
    console.log(`fanout_node ready udp=127.0.0.1:${socket.address().port}`);
});
