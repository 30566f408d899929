/** The way in: a key, which is exchanged for a session and then forgotten. */
import { useState } from "preact/hooks";
import { useAction } from "../lib/resource.ts";
import { signIn } from "../lib/session.ts";
import { Button } from "../ui/basics.tsx";
import { TextField } from "../ui/fields.tsx";
import { Logo } from "../ui/logo.tsx";
import { Failure } from "../ui/states.tsx";

export function SignInPage({ notice }: { readonly notice: string | null }) {
  const [key, setKey] = useState("");
  const enter = useAction(() => signIn(key.trim()));
  return (
    <main class="sign-in" id="main">
      <form
        class="card stack"
        onSubmit={(event) => {
          event.preventDefault();
          void enter.run();
        }}
      >
        <Logo />
        <h1>Sign in</h1>
        {notice && (
          <p class="notice warn" role="status">
            {notice}
          </p>
        )}
        <TextField
          label="API key"
          value={key}
          onInput={setKey}
          input={{
            type: "password",
            autocomplete: "current-password",
            required: true,
            name: "key",
          }}
          help={
            <>
              On your own machine, <code>npm start</code> prints where the root key is kept. The key
              is not stored in this browser: it is exchanged for a session of 24 hours.
            </>
          }
        />
        {enter.error !== undefined && <Failure error={enter.error} />}
        <Button type="submit" look="primary" isBusy={enter.isBusy}>
          Sign in
        </Button>
      </form>
    </main>
  );
}
