import { type Exchange, transform } from "transfuse";

/** Drops the patient's address before the message leaves the hospital. */
export const transformer = transform((exchange: Exchange): void => {
  const message = exchange.message();
  message.clear("PID-11");
  exchange.forward(message);
});
