/*! Pictures of every screen of the real page, on a real server, in three looks. Writes www/screenshots/. */
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Device } from "./device.mjs";
import { Server } from "./server.mjs";

const folder = fileURLToPath(new URL("../screenshots/", import.meta.url));

/** @type {Record<string, Parameters<typeof Device.open>[1]>} */
const looks = {
  light: { colorScheme: "light", viewport: { width: 1180, height: 760 } },
  dark: { colorScheme: "dark", viewport: { width: 1180, height: 760 } },
  phone: { colorScheme: "light", viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
};

/**
 * @param {string} look
 * @param {Parameters<typeof Device.open>[1]} options
 */
async function take(look, options) {
  const server = await Server.start();
  const device = await Device.open(server.origin, options);
  const other = await Device.open(server.origin);
  /** @param {string} screen */
  const shot = (screen) => device.page.screenshot({ path: `${folder}${screen}-${look}.png`, animations: "disabled" });
  try {
    const { page } = device;
    const disputed = await device.typeSession({ delay: 95 });
    await device.typeSession({ mode: "passage", delay: 70 });
    await shot("result");

    await other.join(await device.linkCode());
    await page.getByTestId("reload-devices").click();
    await page.getByTestId("device").nth(1).waitFor();
    await shot("devices");

    // The same note, edited on both devices before either syncs.
    await other.sees(disputed, "synced");
    await Promise.all([device.offline(), other.offline()]);
    await device.annotate(disputed, "Typed on the train");
    await other.annotate(disputed, "First try on the new keyboard");
    await other.offline(false);
    await other.settled();
    await device.offline(false);
    await page.locator('[data-testid="sync-badge"]:not([data-conflicts="0"])').waitFor();
    await device.go("conflicts");
    await page.getByTestId("conflict").waitFor();
    await shot("conflicts");

    await device.offline();
    await device.typeSession({ delay: 80 });
    await device.go("history");
    await page.getByTestId("history-row").nth(2).waitFor();
    await shot("history");

    await device.go("typing");
    await page.getByTestId("next-text").click();
    await page.getByTestId("mode-passage").check();
    const words = (await device.target()).split(" ");
    await page.getByTestId("typing-area").focus();
    await page.keyboard.type(`${words.slice(0, 8).join(" ")} ${words[8]?.slice(0, 1)}x `, { delay: 90 });
    await page.keyboard.type(`${words[9]} ${words[10]?.slice(0, 2)}`, { delay: 90 });
    await shot("typing");
  } finally {
    await Promise.allSettled([device.close(), other.close()]);
    await server.remove();
  }
}

await mkdir(folder, { recursive: true });
// Nearly all of the time is typing at a human speed, so the looks are taken side by side.
await Promise.all(
  Object.entries(looks).map(async ([look, options]) => {
    await take(look, options);
    console.log(`screenshots  ${look}`);
  }),
);
