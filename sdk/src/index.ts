export { createAuroraView, getAuroraView } from "./client.js";
export type { AuroraViewClient, ClientOptions, ReadyOptions } from "./client.js";
export { isHostError } from "./bridge.js";
export type { Bridge, Config, HostError } from "./bridge.js";
export type {
  AnyContract,
  Arguments,
  Call,
  CallOptions,
  Calls,
  Channel,
  ChannelName,
  ChannelOf,
  Channels,
  CommandName,
  Commands,
  Contract,
  EmitDetail,
  EmitName,
  Emits,
  EventDetail,
  EventName,
  Events,
  Invoke,
  MethodName,
  Namespace,
  Result,
  State,
  StateKey,
  StateMethods,
  StateOf,
} from "./contract.js";
export { EventEmitter } from "./emitter.js";
export {
  getAvailableFeatures,
  getEnvironment,
  hasFeature,
  hasFeatures,
  isAuroraView,
} from "./environment.js";
export type { Environment } from "./environment.js";
