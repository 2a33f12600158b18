/*! A real server for end-to-end tests: its own port and database, killed hard and started again as often as needed. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const binary =
  process.env.KEYFLOW_SERVER_BIN ?? fileURLToPath(new URL("../../target/server/keyflow-server", import.meta.url));
const START_MS = 15_000;

/** A port nobody listens on at this moment. */
async function freePort() {
  const probe = createServer();
  probe.listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("the probe has no port");
  return address.port;
}

export class Server {
  /** @type {import("node:child_process").ChildProcess | undefined} */
  #child;
  #log = "";

  /**
   * @param {number} port
   * @param {string} folder
   */
  constructor(port, folder) {
    this.port = port;
    this.folder = folder;
    this.origin = `http://127.0.0.1:${port}`;
  }

  /** Starts a server on a new database. */
  static async start() {
    if (!existsSync(binary)) throw new Error(`there is no server at ${binary}; set KEYFLOW_SERVER_BIN`);
    const server = new Server(await freePort(), await mkdtemp(join(tmpdir(), "keyflow-e2e-")));
    await server.restart();
    return server;
  }

  /** @param {string[]} args */
  #arguments(args = []) {
    const database = `sqlite:${join(this.folder, "keyflow.db")}`;
    return [...args, "--listen", `127.0.0.1:${this.port}`, "--database", database];
  }

  /** Starts it, again on the same port and database, and waits until it takes requests. */
  async restart() {
    if (this.#child) throw new Error("the server runs already");
    const child = spawn(binary, this.#arguments(), { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk) => {
        this.#log += String(chunk);
      });
    }
    const end = Date.now() + START_MS;
    while (Date.now() < end) {
      if (child.exitCode !== null) break;
      const answer = await fetch(`${this.origin}/readyz`).catch(() => undefined);
      if (answer?.ok) return;
      await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error(`the server did not become ready:\n${this.#log}`);
  }

  /** Ends it as a power cut would. */
  async kill() {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  /** Runs the server's own check of its database; throws with what it printed when an invariant is broken. */
  async check() {
    const child = spawn(binary, this.#arguments(["check"]), { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        output += String(chunk);
      });
    }
    const [code] = await once(child, "close");
    if (code !== 0) throw new Error(`keyflow-server check ended with ${code}:\n${output}`);
    return output;
  }

  /** Ends it and removes its database. */
  async remove() {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  get log() {
    return this.#log;
  }
}
