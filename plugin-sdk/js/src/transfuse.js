// What `import { .. } from "transfuse"` gives. `transfuse.d.ts` documents all of it.

export { Fault, NotHl7, ParseError, PathError, Reject, StateError, TableError } from "./errors.js";
export { Code, fault, reject } from "./errors.js";
export { log } from "./log.js";
export { Message } from "./message.js";
export { State } from "./state.js";
export { Table } from "./tables.js";
export { transform } from "./transform.js";
