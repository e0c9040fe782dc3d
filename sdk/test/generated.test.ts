// A contract that `auroraview types` wrote (tests/python/sdk_api.py), as the compiler sees it.
import { expect, expectTypeOf, test } from "vitest";
import type { AuroraViewClient } from "../src/index.js";
import type { Api, Asset, AssetId, Mesh, Point } from "../../tests/python/sdk_api.js";

// Never run: it only has to compile.
async function check(av: AuroraViewClient<Api>): Promise<void> {
  const mesh = await av.call("api.mesh", { id: 1, lod: 2 }, { timeout: 1000 });
  expectTypeOf(mesh).toEqualTypeOf<Mesh>();
  expectTypeOf(mesh.points).toEqualTypeOf<Float32Array>();
  expectTypeOf(mesh.corners).toEqualTypeOf<[Point, Point]>();
  expectTypeOf(mesh.side).toEqualTypeOf<1 | 2>();
  // @ts-expect-error one of three numbers
  av.call("api.mesh", { id: 1, lod: 3 });

  const found = await av.api.find({ filter: { kinds: ["mesh"] } });
  expectTypeOf(found).toEqualTypeOf<Asset[]>();
  expectTypeOf(found[0]!.parent).toEqualTypeOf<Asset | undefined>();
  // @ts-expect-error no such kind
  av.api.find({ filter: { kinds: ["sound"] } });

  expectTypeOf(av.call("api.pick", { id: 1 })).toEqualTypeOf<Promise<Asset>>();
  expectTypeOf(av.call("api.pick", { ids: [1] })).toEqualTypeOf<Promise<Asset[]>>();
  expectTypeOf(av.call("api.add", [1, 2, 3])).toEqualTypeOf<Promise<number>>();
  // @ts-expect-error one at least
  av.call("api.add", []);
  expectTypeOf(av.call("api.set")).toEqualTypeOf<Promise<null>>();
  expectTypeOf(av.call("api.set", { color: "red", size: null })).toEqualTypeOf<Promise<null>>();
  expectTypeOf(av.call("api.size", [new Uint8Array(1)])).toEqualTypeOf<Promise<number>>();
  expectTypeOf(av.call("ping")).toEqualTypeOf<Promise<number>>();

  av.on("scan.progress", (detail) => expectTypeOf(detail.fraction).toEqualTypeOf<number>());
  av.on("count", (detail) => expectTypeOf(detail).toEqualTypeOf<{ value: number }>());
  av.emit("selected", [1 satisfies AssetId]);
  av.emit("dismissed");
  // @ts-expect-error of another type
  av.emit("selected", ["1"]);

  expectTypeOf(av.state.camera?.lens).toEqualTypeOf<{ [key: string]: number } | undefined>();
  expectTypeOf(av.invoke("rename", { old: "a" })).toEqualTypeOf<Promise<boolean>>();
}

test("the compiler checked the generated contract", () => {
  expect(check).toBeTypeOf("function");
});
