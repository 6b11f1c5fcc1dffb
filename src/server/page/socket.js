// A Socket.IO 5 client in a few lines: Engine.IO 4 over WebSocket, text packets, the root namespace, reconnecting.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;

/**
 * Connects to `url` (http or https, ending in `/socket.io/`) and keeps connecting until `close()` of what it returns.
 *
 * `onOpen(emit)` is called after each connect, `onEvent(name, payload)` for each event, `onClose()` after each loss,
 * `onRefused()` once where the server wants to know first who we are: then it is over.
 */
export function connect(url, { onOpen, onEvent, onClose, onRefused }) {
  const address = new URL(url);
  address.protocol = address.protocol.replace("http", "ws");
  address.search = "EIO=4&transport=websocket";
  let wait = FIRST_WAIT;
  let timer = 0;
  let current = null;
  let wanted = true;

  function open() {
    clearTimeout(timer);
    const socket = new WebSocket(address);
    current = socket;
    let silence = 0;
    let allowed = 45_000;
    const send = (text) => socket.readyState === WebSocket.OPEN && socket.send(text);
    const emit = (name, ...payload) => send(`42${JSON.stringify([name, ...payload])}`);

    // The server pings; when it has not for too long the link is dead, whatever TCP believes.
    function alive() {
      clearTimeout(silence);
      silence = setTimeout(() => socket.close(), allowed);
    }

    socket.onmessage = ({ data }) => {
      if (typeof data !== "string") return;
      alive();
      switch (data[0]) {
        case "0": {
          const { pingInterval, pingTimeout } = JSON.parse(data.slice(1));
          allowed = pingInterval + pingTimeout;
          alive();
          return send("40");
        }
        case "1":
          return socket.close();
        case "2":
          return send(`3${data.slice(1)}`);
        case "4":
          return packet(data.slice(1));
      }
    };

    function packet(text) {
      if (text[0] === "0") {
        wait = FIRST_WAIT;
        onOpen(emit);
      } else if (text[0] === "4" && JSON.parse(text.slice(1))?.data?.code === "unauthorized") {
        wanted = false;
        socket.close();
        onRefused();
      } else if (text[0] === "1" || text[0] === "4") {
        socket.close();
      } else if (text[0] === "2") {
        const [name, payload] = JSON.parse(text.slice(text.indexOf("[")));
        onEvent(name, payload);
      }
    }

    socket.onclose = () => {
      clearTimeout(silence);
      if (current !== socket) return;
      current = null;
      onClose();
      if (!wanted) return;
      timer = setTimeout(open, wait * (0.5 + Math.random() / 2));
      wait = Math.min(2 * wait, LONGEST_WAIT);
    };
    alive();
  }

  // The network is back: no need to wait out the pause.
  const hurry = () => wanted && !current && open();
  addEventListener("online", hurry);
  open();
  return {
    close() {
      wanted = false;
      clearTimeout(timer);
      removeEventListener("online", hurry);
      current?.close();
    },
  };
}
