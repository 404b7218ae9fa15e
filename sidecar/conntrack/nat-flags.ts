/** What the column `nat` of captured rows says; 0: not looked at yet. */
export const NAT_LOOKED = 1;
/** The row's own end opened the connection, as the kernel that translates it saw. */
export const NAT_CLIENT = 2;
/** The other end's socket sees another address or port of this end, of that end. */
export const NAT_LOCAL = 4;
export const NAT_REMOTE = 8;
