import { WeirError } from '../contract/errors.ts';

/** The bytes end before the record does. */
export function truncated(what: string, position: number): WeirError {
  return new WeirError('WEIR_SCHEMA_TRUNCATED', `${what} ends at byte ${position}, before the record does`, {
    what,
    position,
  });
}

/** A varint of more bits than its type has. */
export function overlong(position: number): WeirError {
  return new WeirError('WEIR_SCHEMA_OVERLONG', `the varint at byte ${position} is longer than its type allows`, {
    position,
  });
}

/** A value that the field cannot have. */
export function invalid(what: string, value: number, position: number): WeirError {
  return new WeirError('WEIR_SCHEMA_INVALID', `${what} is ${value} at byte ${position}, out of its range`, {
    what,
    value,
    position,
  });
}

/** As `invalid`, but where the value was read past the end of the bytes it is only missing. */
export function refused(what: string, value: number, position: number, end: number): WeirError {
  return position > end ? truncated(what, end) : invalid(what, value, position);
}

/** A count or length past the bound of its field. */
export function tooLarge(what: string, value: number, max: number): WeirError {
  return new WeirError('WEIR_SCHEMA_TOO_LARGE', `${what} has ${value}, at most ${max} are allowed`, {
    what,
    value,
    max,
  });
}
