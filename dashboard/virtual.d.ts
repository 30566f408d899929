declare module "virtual:recipes" {
  import type { RecipeForm } from "./forms/recipe-form.ts";

  const forms: readonly RecipeForm[];
  export default forms;
}

declare module "*.css";
