/*! A device: a browser profile of its own on disk, and what a user does with the page in it. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const executablePath = process.env.CHROME ?? "/usr/bin/chromium";
const WAIT_MS = 30_000;

/** @typedef {import("playwright-core").BrowserContext} BrowserContext */
/** @typedef {import("playwright-core").Page} Page */
/** @typedef {{ id: string, state: string }} Row */

export class Device {
  /**
   * @param {string} folder
   * @param {string} origin
   * @param {BrowserContext} context
   * @param {Page} page
   */
  constructor(folder, origin, context, page) {
    this.folder = folder;
    this.origin = origin;
    this.context = context;
    this.page = page;
    /** What broke in the page; a test ends with this empty. @type {string[]} */
    this.faults = [];
    page.on("pageerror", (error) => this.faults.push(error.message));
  }

  /**
   * Opens the page in a new profile and waits until the first key would be accepted.
   *
   * @param {string} origin
   * @param {Parameters<typeof chromium.launchPersistentContext>[1]} [options]
   */
  static async open(origin, options = {}) {
    const device = await Device.blank(origin, options);
    await device.ready();
    return device;
  }

  /**
   * Opens any page in a new profile.
   *
   * @param {string} origin
   * @param {Parameters<typeof chromium.launchPersistentContext>[1]} [options]
   */
  static async blank(origin, options = {}) {
    const folder = await mkdtemp(join(tmpdir(), "keyflow-profile-"));
    const context = await chromium.launchPersistentContext(folder, {
      executablePath,
      // Chromium's own sandbox does not start for root, which is what containers run as.
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
      ...options,
    });
    const page = context.pages()[0] ?? (await context.newPage());
    page.setDefaultTimeout(WAIT_MS);
    const device = new Device(folder, origin, context, page);
    await page.goto(origin);
    return device;
  }

  async ready() {
    await this.page.waitForSelector("html[data-ready=true]");
  }

  /** @param {"typing" | "history" | "devices" | "conflicts"} screen */
  async go(screen) {
    await this.page.getByTestId(`nav-${screen}`).click();
  }

  /**
   * Types the shown text to its end.
   *
   * @param {{ mode?: "passage" | "words-25", delay?: number }} [options]
   */
  async typeOut({ mode = "words-25", delay = 8 } = {}) {
    const { page } = this;
    await this.go("typing");
    const area = page.getByTestId("typing-area");
    const next = page.getByTestId("next-text");
    await area.or(next).first().waitFor();
    if (await next.isVisible()) await next.click();
    await page.locator('[data-testid="typing-area"][data-state="ready"]').waitFor();
    const choice = page.getByTestId(`mode-${mode}`);
    if (!(await choice.isChecked())) {
      const before = await this.target();
      await choice.check();
      await page.waitForFunction(
        (old) => document.querySelector('[data-testid="typing-target"]')?.textContent !== old,
        before,
      );
    }
    await area.focus();
    await page.keyboard.type(await this.target(), { delay });
  }

  /**
   * Types the shown text, to its end, and returns the id of the saved session.
   *
   * @param {{ mode?: "passage" | "words-25", delay?: number }} [options]
   */
  async typeSession(options = {}) {
    const { page } = this;
    await this.typeOut(options);
    const result = page.getByTestId("result");
    await result.waitFor();
    await page.getByTestId("result-saved").waitFor();
    const id = await result.getAttribute("data-session-id");
    assert.ok(id, "the result names its session");
    return id;
  }

  async target() {
    return (await this.page.getByTestId("typing-target").textContent()) ?? "";
  }

  /** The rows of the history, the newest first. @returns {Promise<Row[]>} */
  async history() {
    await this.go("history");
    await this.page.getByTestId("history-list").or(this.page.getByTestId("history-empty")).first().waitFor();
    return this.page.getByTestId("history-row").evaluateAll((rows) =>
      rows.map((row) => ({
        id: row.getAttribute("data-session-id") ?? "",
        state: row.getAttribute("data-sync-state") ?? "",
      })),
    );
  }

  /**
   * Waits until the history shows session `id` in one of `states`.
   *
   * @param {string} id
   * @param {string[]} states
   */
  async sees(id, ...states) {
    await this.go("history");
    const rows = states.map((state) => `[data-session-id="${id}"][data-sync-state="${state}"]`);
    await this.page.locator(rows.join(", ")).first().waitFor();
  }

  /** What the badge in the header says. */
  async badge() {
    const badge = this.page.getByTestId("sync-badge");
    return {
      phase: (await badge.getAttribute("data-phase")) ?? "",
      pending: Number(await badge.getAttribute("data-pending")),
      parked: Number(await badge.getAttribute("data-parked")),
      conflicts: Number(await badge.getAttribute("data-conflicts")),
      label: (await badge.textContent()) ?? "",
    };
  }

  /** Waits until nothing waits and the last round is confirmed. */
  async settled() {
    await this.page.locator('[data-testid="sync-badge"][data-phase="idle"][data-pending="0"]').waitFor();
  }

  /** Asks for a round now, as an impatient user does, and waits for its end. */
  async syncNow() {
    const { page } = this;
    if (!(await page.getByTestId("sync-details").isVisible())) await page.getByTestId("sync-badge").click();
    await page.getByTestId("sync-now").click();
    await page.waitForFunction(() => document.querySelector('[data-testid="sync-report"]')?.textContent);
    await page.keyboard.press("Escape");
  }

  async offline(cut = true) {
    await this.context.setOffline(cut);
  }

  async linkCode() {
    await this.go("devices");
    await this.page.getByTestId("make-code").click();
    const code = await this.page.getByTestId("link-code").getAttribute("data-code");
    assert.match(code ?? "", /^\S{8}$/);
    return code ?? "";
  }

  /** For each listed device, whether it is this one. */
  async devices() {
    await this.go("history");
    await this.go("devices");
    await this.page.getByTestId("device-list").waitFor();
    return this.page
      .getByTestId("device")
      .evaluateAll((devices) => devices.map((device) => device.getAttribute("data-current") ?? ""));
  }

  /** @param {string} code */
  async join(code) {
    await this.go("devices");
    await this.page.getByTestId("code-input").fill(code);
    await this.page.getByTestId("code-submit").click();
    await this.page.getByTestId("linked").waitFor();
  }

  /**
   * Writes a note on a session through the history.
   *
   * @param {string} id
   * @param {string} note
   */
  async annotate(id, note) {
    await this.go("history");
    const row = this.page.locator(`[data-session-id="${id}"]`);
    await row.getByTestId("edit-note").click();
    await row.getByTestId("note-input").fill(note);
    await row.getByTestId("note-save").click();
    await row.getByTestId("note").getByText(note, { exact: true }).waitFor();
  }

  async close() {
    await this.context.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}
