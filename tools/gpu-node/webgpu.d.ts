/** The part of Dawn for Node that is used, so that types check where the package is not installed. */
declare module "webgpu" {
  /** What a browser has as globals: GPUBufferUsage and its like. */
  export const globals: object;
  export function create(options: string[]): GPU;
}
