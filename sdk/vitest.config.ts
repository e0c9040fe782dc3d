import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "happy-dom",
    include: ["test/*.test.ts"],
    // Far above what a healthy test needs.
    testTimeout: 20_000,
  },
});
