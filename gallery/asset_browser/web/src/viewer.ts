// The mesh view: three.js with orbit controls, one WebGL context for the view and the thumbnails.

import {
  BufferAttribute, BufferGeometry, CanvasTexture, Color, Fog, GridHelper, Group, LineBasicMaterial,
  LineSegments, Mesh, MeshMatcapMaterial, PerspectiveCamera, Points, PointsMaterial, Scene,
  SRGBColorSpace, Vector3, WebGLRenderer, WebGLRenderTarget, WireframeGeometry, DoubleSide,
  type Object3D,
} from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import { toCreasedNormals } from "three/examples/jsm/utils/BufferGeometryUtils.js";
import type { MeshData } from "./bridge.js";
import { Quality } from "./quality.js";

const BACKGROUND = 0x1d1f23;
const CREASE = 0.62; // radians; sharper edges stay sharp
const CREASE_LIMIT = 30_000; // triangles; splitting edges costs 10 µs each
const FACTS = 52; // CSS pixels at the bottom that hold text
const WIRE_LIMIT = 250_000; // triangles
const STILL_AFTER = 160; // ms without a change before the picture is drawn once at its finest
const STILL_RATIO = 2; // drawn pixels per CSS pixel, a side

export class Viewer {
  /** Frames drawn since the start: proof that the picture moves. */
  frames = 0;
  spinning = true;
  private renderer: WebGLRenderer | null = null;
  private readonly scene = new Scene();
  private readonly stage = new Group();
  private readonly camera = new PerspectiveCamera(36, 1, 0.01, 50);
  private controls: OrbitControls | null = null;
  private readonly floor: GridHelper;
  private readonly matcap: CanvasTexture;
  private wire: LineSegments | null = null;
  private wanted = false; // wireframe
  private last = 0;
  private dirty = true;
  private changed = 0; // when it was last dirty
  private fine = false; // the picture is the finest there is
  private settle = 0; // frames to draw again
  private blank = false; // the canvas changed its size and holds nothing
  private count = 0;
  private readonly quality = new Quality();
  readonly problem: string;

  constructor(private readonly root: HTMLElement) {
    this.matcap = makeMatcap();
    this.scene.background = new Color(BACKGROUND);
    this.scene.fog = new Fog(BACKGROUND, 5, 9);
    this.floor = new GridHelper(8, 32, 0x4a4f57, 0x2d3036);
    this.scene.add(this.floor, this.stage);
    this.problem = this.start();
    new ResizeObserver(() => {
      this.resize();
      // A canvas that changes its size is empty, and this runs after the frame's own drawing.
      if (this.hasMesh && !this.root.hidden) this.draw();
    }).observe(root);
    this.resetCamera();
  }

  private start(): string {
    try {
      // Smooth edges come from the drawn size (see Quality): multisampling doubles the price where
      // rendering is done in software, and could not be switched off again.
      this.renderer = new WebGLRenderer({ antialias: false, powerPreference: "high-performance" });
    } catch (error) {
      return `This web view has no WebGL: ${(error as Error).message}`;
    }
    const { domElement } = this.renderer;
    domElement.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.root.prepend(domElement);
    this.controls = new OrbitControls(this.camera, domElement);
    this.controls.enableDamping = true;
    this.controls.dampingFactor = 0.12;
    this.controls.minDistance = 0.6;
    this.controls.maxDistance = 8;
    this.controls.addEventListener("change", () => (this.dirty = true));
    return "";
  }

  get hasMesh(): boolean {
    return this.stage.children.length > 0;
  }

  show(data: MeshData): void {
    this.clear();
    this.stage.add(build(data, this.matcap));
    this.stage.rotation.y = 0;
    this.floor.position.y = -halfHeight(data) - 0.02; // a flat underside would flicker with it
    this.applyWire();
    this.resetCamera();
    this.quality.reset();
  }

  clear(): void {
    this.wire = null;
    for (const child of [...this.stage.children]) {
      this.stage.remove(child);
      dispose(child);
    }
    this.dirty = true;
  }

  setWire(on: boolean): void {
    this.wanted = on;
    this.applyWire();
    this.dirty = true;
  }

  resetCamera(): void {
    this.camera.position.set(1.9, 1.25, 2.55);
    this.controls?.target.set(0, 0, 0);
    this.controls?.update();
    this.dirty = true;
  }

  /** Once per animation frame. */
  frame(now: number): void {
    const step = Math.min(now - this.last, 100);
    this.last = now;
    if (!this.renderer || !this.hasMesh || this.root.hidden) {
      this.quality.restart();
      return;
    }
    if (this.spinning) {
      if (this.quality.frame(now)) this.resize();
      this.stage.rotation.y += step * 0.0006;
      this.dirty = true;
    }
    this.controls?.update();
    if (this.dirty) {
      this.changed = now;
      if (this.fine) {
        this.fine = false;
        this.resize();
      }
      if (!this.blank && this.count++ % this.quality.level.every !== 0) return;
    } else {
      // At rest nobody waits for the next frame, so this one may cost more.
      if (this.settle === 0 && (this.fine || now - this.changed < STILL_AFTER)) return;
      if (this.settle > 0) this.settle--;
      else {
        this.fine = true;
        this.resize();
      }
    }
    this.draw();
  }

  private draw(): void {
    this.dirty = false;
    this.blank = false;
    this.renderer?.render(this.scene, this.camera);
    this.frames++;
    this.root.dataset.fine = this.fine ? "yes" : "no";
  }

  /** A picture of `data` for the grid. */
  async picture(data: MeshData, side: number): Promise<ImageBitmap | null> {
    const { renderer } = this;
    if (!renderer) return null;
    const scene = new Scene();
    const object = build(data, this.matcap);
    object.rotation.y = 0.35;
    scene.add(object);
    const camera = new PerspectiveCamera(30, 1, 0.1, 10);
    camera.position.set(1.35, 1.05, 3.05);
    camera.lookAt(0, 0, 0);
    // Twice the size, scaled down by the canvas: a render target has no edge smoothing of its own.
    const size = side * 2;
    const target = new WebGLRenderTarget(size, size);
    target.texture.colorSpace = SRGBColorSpace;
    const pixels = new Uint8Array(size * size * 4);
    try {
      renderer.setRenderTarget(target);
      renderer.setClearColor(0x000000, 0);
      renderer.clear();
      renderer.render(scene, camera);
      renderer.readRenderTargetPixels(target, 0, 0, size, size, pixels);
    } finally {
      renderer.setRenderTarget(null);
      target.dispose();
      dispose(object);
    }
    const image = new ImageData(new Uint8ClampedArray(pixels.buffer), size, size);
    return createImageBitmap(image, {
      imageOrientation: "flipY", // WebGL's rows start at the bottom
      resizeWidth: side,
      resizeHeight: side,
      resizeQuality: "high",
    });
  }

  private applyWire(): void {
    if (this.wire) {
      this.wire.removeFromParent();
      dispose(this.wire);
      this.wire = null;
    }
    const mesh = this.stage.children[0]?.children[0];
    if (!this.wanted || !(mesh instanceof Mesh)) return;
    const { index, attributes } = mesh.geometry as BufferGeometry;
    if ((index ? index.count : attributes.position!.count) / 3 > WIRE_LIMIT) return;
    const material = new LineBasicMaterial({ color: 0x0c1112, transparent: true, opacity: 0.28 });
    this.wire = new LineSegments(new WireframeGeometry(mesh.geometry), material);
    this.wire.position.copy(mesh.position);
    this.stage.children[0]!.add(this.wire);
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.root;
    if (!this.renderer || width === 0 || height === 0) return;
    const ratio = this.fine ? STILL_RATIO : this.quality.level.ratio;
    this.renderer.setPixelRatio(window.devicePixelRatio * ratio);
    this.renderer.setSize(width, height);
    this.camera.aspect = width / height;
    // A narrow view would cut a wide mesh off at the sides.
    this.camera.zoom = Math.min(1, this.camera.aspect);
    // Half of the height that the facts cover below.
    this.camera.setViewOffset(width, height, 0, FACTS / 2, width, height);
    this.dirty = this.blank = true;
    this.settle = 2; // WebKit may show a canvas of a new size empty until it is drawn again
  }
}

function span(data: MeshData): number {
  const size = data.upper.map((high, axis) => high - data.lower[axis]!);
  return Math.hypot(...size) || 1;
}

function halfHeight(data: MeshData): number {
  return ((data.upper[1] - data.lower[1]) / span(data)) * 1.05;
}

/** The mesh, moved to the origin and scaled so that its diagonal is about two units. */
function build(data: MeshData, matcap: CanvasTexture): Group {
  let geometry = new BufferGeometry();
  geometry.setAttribute("position", new BufferAttribute(data.positions, 3));
  if (data.colors) geometry.setAttribute("color", new BufferAttribute(data.colors, 3, true));
  if (data.indices) geometry.setIndex(new BufferAttribute(data.indices, 1));
  let object: Mesh | Points;
  if (data.points) {
    const material = new PointsMaterial({ size: 1.6, sizeAttenuation: false, vertexColors: !!data.colors });
    if (!data.colors) material.color.set(0x9fb4c4);
    object = new Points(geometry, material);
  } else {
    if (data.normals) {
      geometry.setAttribute("normal", new BufferAttribute(data.normals, 3));
    } else if (data.triangles <= CREASE_LIMIT) {
      const creased = toCreasedNormals(geometry, CREASE);
      geometry.dispose();
      geometry = creased;
    } else {
      geometry.computeVertexNormals();
    }
    const material = new MeshMatcapMaterial({
      matcap,
      side: DoubleSide,
      vertexColors: !!data.colors,
      polygonOffset: true, // leaves room for the wireframe on top
      polygonOffsetFactor: 1,
      polygonOffsetUnits: 1,
    });
    // Three turns the normals of all back faces over. Slivers of them at an outline have a smooth
    // normal that still points here; turned over it would take the opposite rim of the lit sphere
    // and leave a bright speck.
    material.onBeforeCompile = (shader) => {
      shader.fragmentShader = shader.fragmentShader.replace(
        "#include <normal_fragment_begin>",
        "vec3 normal = normalize(vNormal);" +
          "if (!gl_FrontFacing && dot(normal, vViewPosition) < 0.0) normal = -normal;" +
          "vec3 nonPerturbedNormal = normal;",
      );
    };
    object = new Mesh(geometry, material);
  }
  const scale = 2.1 / span(data);
  const middle = new Vector3(
    (data.lower[0] + data.upper[0]) / 2,
    (data.lower[1] + data.upper[1]) / 2,
    (data.lower[2] + data.upper[2]) / 2,
  );
  object.position.copy(middle.negate());
  const group = new Group();
  group.scale.setScalar(scale);
  group.add(object);
  return group;
}

function dispose(root: Object3D): void {
  root.traverse((object) => {
    const { geometry, material } = object as Mesh;
    geometry?.dispose();
    if (Array.isArray(material)) material.forEach((m) => m.dispose());
    else material?.dispose();
  });
}

/** A lit sphere as a picture: shading costs one texture read, which software rendering can afford. */
function makeMatcap(): CanvasTexture {
  const side = 256;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d")!;
  const light = (x: number, y: number, radius: number, stops: [number, string][]): void => {
    const gradient = context.createRadialGradient(x * side, y * side, 0, x * side, y * side, radius * side);
    for (const [at, color] of stops) gradient.addColorStop(at, color);
    context.fillStyle = gradient;
    context.fillRect(0, 0, side, side);
  };
  context.fillStyle = "#262a30";
  context.fillRect(0, 0, side, side);
  // Key from the upper left, cool fill from the right, a rim from below, then the highlight.
  light(0.36, 0.28, 0.78, [[0, "#eef0ee"], [0.3, "#c3c8ca"], [0.65, "#767c84"], [1, "#2b2f36"]]);
  light(0.95, 0.6, 0.42, [[0, "rgba(96,190,190,.55)"], [1, "rgba(96,190,190,0)"]]);
  light(0.5, 1.02, 0.42, [[0, "rgba(150,120,215,.5)"], [1, "rgba(150,120,215,0)"]]);
  light(0.33, 0.23, 0.17, [[0, "rgba(255,255,255,.85)"], [1, "rgba(255,255,255,0)"]]);
  const texture = new CanvasTexture(canvas);
  texture.colorSpace = SRGBColorSpace;
  return texture;
}
