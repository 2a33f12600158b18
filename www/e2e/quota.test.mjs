/*! The browser gives no more room: the result stays on the screen, and is saved once there is room again. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Device } from "./device.mjs";
import { Server } from "./server.mjs";

/** @type {Server} */
let server;
/** @type {Device} */
let device;

before(async () => {
  server = await Server.start();
  device = await Device.open(server.origin);
});

after(async () => {
  await device?.close();
  await server?.remove();
});

/** Lets the browser give the page so many bytes; returns what ends that, which closing the connection also would. */
async function limit(/** @type {number} */ bytes) {
  const browser = await device.context.newCDPSession(device.page);
  const { origin } = new URL(server.origin);
  await browser.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: bytes });
  return async () => {
    await browser.send("Storage.overrideQuotaForOrigin", { origin });
    await browser.detach();
  };
}

test("a full disk is told with the result, and the result is saved when there is room", async () => {
  const earlier = await device.typeSession();
  await device.settled();
  const { page } = device;
  // The browser remembers how much room a database had until some seconds after it was closed.
  await page.goto("about:blank");
  await new Promise((done) => setTimeout(done, 4_000));
  const makeRoom = await limit(1);
  await page.goto(device.origin);
  await device.ready();
  await device.typeOut();
  await page.getByTestId("save-error").waitFor();
  assert.match((await page.getByTestId("save-error").textContent()) ?? "", /no room left/i);
  assert.ok(await page.getByTestId("result-not-saved").isVisible());
  await page.getByTestId("save-retry").click();
  await page.getByTestId("save-error").waitFor();
  await makeRoom();
  await page.getByTestId("save-retry").click();
  await page.getByTestId("result-saved").waitFor();
  const later = await page.getByTestId("result").getAttribute("data-session-id");
  assert.deepEqual((await device.history()).map((row) => row.id), [later, earlier]);
  await device.settled();
  assert.deepEqual(device.faults, []);
});
