// Uptime Kuma counts the log-ins of all callers together: one stranger who guesses would keep its owner out. nginx sees the
// line that a browser opens, and nothing of what is said over it; so each address is counted here, before Uptime Kuma counts.
"use strict";

const Module = require("node:module");
const { isIPv6 } = require("node:net");

// In a minute, of one address: well below the 20 of all.
const MOST = 6;
const MINUTE = 60_000;
// Addresses that are remembered; they are forgotten with the minute.
const ADDRESSES = 10_000;
const COUNTED = new Set(["login", "verifyToken", "prepare2FA", "save2FA", "disable2FA"]);

let counts = new Map();
let begun = Date.now();

// As nginx says it, which overwrites what a caller says. Whoever does not come by nginx is on this server.
function callerOf(socket) {
    const address = socket.handshake.headers["x-forwarded-for"];
    return address ? networkOf(address) : null;
}

// Of IPv6, the 56 bits that one customer has at least, whatever zeros its address is written without.
function networkOf(address) {
    if (!isIPv6(address) || address.startsWith("::ffff:")) {
        return address;
    }
    const [before, after] = address.split("::").map((part) => (part ? part.split(":") : []));
    const zeros = after ? Array(8 - before.length - after.length).fill("0") : [];
    const groups = [...before, ...zeros, ...(after || [])].map((group) => parseInt(group, 16));
    return [...groups.slice(0, 3), groups[3] >> 8].map((group) => group.toString(16)).join(":");
}

function isTooOften(caller, now) {
    if (caller === null) {
        return false;
    }
    if (now < begun || now - begun >= MINUTE) {
        counts = new Map();
        begun = now;
    }
    const count = (counts.get(caller) || 0) + 1;
    if (counts.size < ADDRESSES || counts.has(caller)) {
        counts.set(caller, count);
    }
    return count > MOST;
}

function guard(socket) {
    socket.use((packet, next) => {
        if (!COUNTED.has(packet[0]) || !isTooOften(callerOf(socket), Date.now())) {
            next();
            return;
        }
        const answer = packet[packet.length - 1];
        if (typeof answer === "function") {
            answer({ ok: false, msg: "Too frequently, try again later." });
        }
    });
}

const load = Module._load;
let guarded;
Module._load = function (name, ...rest) {
    const loaded = load.call(this, name, ...rest);
    if (name !== "socket.io" || typeof loaded.Server !== "function") {
        return loaded;
    }
    if (!guarded) {
        class Server extends loaded.Server {
            constructor(...options) {
                super(...options);
                this.on("connection", guard);
                console.log("LetsBe: log-ins are counted for each address");
            }
        }
        guarded = Object.assign(Object.create(loaded), { Server });
    }
    return guarded;
};
