/*! Accidents on the way to the server, caused at an exact point of a push. */

const PUSH = "**/api/sync/sessions";

/** @typedef {import("playwright-core").Route} Route */

/**
 * Lets `accident` handle the next push of `device` and returns what it resolves with. Later pushes go through.
 *
 * @template T
 * @param {import("./device.mjs").Device} device
 * @param {(route: Route) => Promise<T>} accident
 * @returns {{ done: Promise<T> }}
 */
export function atNextPush(device, accident) {
  const done = new Promise((resolve, reject) => {
    void device.page.route(PUSH, (route) => accident(route).then(resolve, reject), { times: 1 });
  });
  return { done: /** @type {Promise<T>} */ (done) };
}

/** The sessions of a push, whether its body travels compressed or not. @param {Route} route */
export async function pushed(route) {
  const request = route.request();
  const body = request.postDataBuffer();
  if (!body) return [];
  const plain = body[0] === 0x1f && body[1] === 0x8b ? (await import("node:zlib")).gunzipSync(body) : body;
  /** @type {{ sessions?: { id: string }[] }} */
  const { sessions = [] } = JSON.parse(plain.toString("utf8"));
  return sessions.map(({ id }) => id);
}

/**
 * The server has everything, but its answer is lost and it dies: the device must not believe it failed for good, and
 * sending again must not store anything twice.
 *
 * @param {import("./server.mjs").Server} server
 */
export function answerLost(server) {
  return /** @param {Route} route */ async (route) => {
    const ids = await pushed(route);
    const answer = await route.fetch();
    await server.kill();
    await route.abort("connectionreset");
    return { ids, status: answer.status() };
  };
}

/**
 * The server dies while the request is on its way: it may have committed, or not.
 *
 * @param {import("./server.mjs").Server} server
 */
export function killedMidway(server) {
  return /** @param {Route} route */ async (route) => {
    const ids = await pushed(route);
    await Promise.all([route.continue(), server.kill()]);
    return { ids };
  };
}
