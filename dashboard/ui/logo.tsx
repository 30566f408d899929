export function Logo() {
  return (
    <span class="logo">
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="8" class="logo-back" />
        <path d="M6 9.500h20v13H6z" class="logo-frame" />
        <path d="M13.500 12.600v6.800l5.800-3.400z" class="logo-play" />
      </svg>
      Telecine
    </span>
  );
}
