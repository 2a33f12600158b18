import { expect, test } from "vitest";
import { groupedCode, tidyCode } from "./code";

test("a code survives being copied with spaces, dashes and small letters", () => {
  expect(tidyCode(" abcd-2345 ")).toBe("ABCD2345");
  expect(tidyCode("AB CD–23\t45\n")).toBe("ABCD2345");
});

test("a code is shown in two groups and can be typed as shown", () => {
  expect(groupedCode("ABCD2345")).toBe("ABCD 2345");
  expect(tidyCode(groupedCode("ABCD2345"))).toBe("ABCD2345");
});
