// Styles are bundled by Vite; to the compiler they are modules without a value.
declare module '*.css';
