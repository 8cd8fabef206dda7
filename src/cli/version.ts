export const version = async () => 0;
