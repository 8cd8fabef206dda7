import { ptr } from "bun:ffi";
import { openC } from "../kernel/libc.ts";

const SOL_SOCKET = 1;
const SO_ATTACH_REUSEPORT_CBPF = 51;
/** BPF_RET | BPF_K: the program is one constant. */
const RETURN_CONSTANT = 0x06;

/**
 * Makes the kernel hand every new connection to a newcomer while it is one listener too many for the port, that is while a worker is
 * being replaced. A listener that closes resets what waits to be accepted; one that gets nothing new has nothing to reset.
 *
 * Listeners of one port (SO_REUSEPORT) are numbered in the order in which they began to listen, and the last one moves into the place
 * of one that closes. The program answers `workers`, the number of the listener after the usual ones; where there is none, Linux
 * shares by its hash as it does without a program (socket(7), SO_ATTACH_REUSEPORT_CBPF). So it never has to be changed or taken off.
 *
 * False where it could not be attached: connections are then shared with whoever leaves, until it closes.
 */
export function steerToNewcomer(fd: number, workers: number): boolean {
  const libc = openC({ setsockopt: { args: ["i32", "i32", "i32", "buffer", "u32"], returns: "i32" } });
  if (!libc) return false;
  // struct sock_filter { u16 code; u8 jt, jf; u32 k; }, struct sock_fprog { u16 len; struct sock_filter *filter; }
  const instruction = Buffer.alloc(8);
  instruction.writeUInt16LE(RETURN_CONSTANT, 0);
  instruction.writeUInt32LE(workers, 4);
  const program = Buffer.alloc(16);
  program.writeUInt16LE(1, 0);
  program.writeBigUInt64LE(BigInt(ptr(instruction)), 8);
  const result = libc.symbols.setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program, program.length);
  libc.close();
  return result === 0;
}
