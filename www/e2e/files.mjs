/*! The files of the project over HTTP, for pages that stand on the package alone. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** @type {Record<string, string>} */
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };
const BLANK = "<!doctype html><title>blank</title>";

/** Serves the project's folder on a free port, and an empty page at `/blank`. */
export async function serveFiles() {
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url ?? "/", "http://localhost").pathname);
    const body = path === "/blank" ? BLANK : await readFile(join(root, path)).catch(() => undefined);
    if (body === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": TYPES[extname(path) || ".html"] ?? "text/plain" }).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the file server has no port");
  return { origin: `http://127.0.0.1:${address.port}`, close: () => server.close() };
}
